import { duration, grouped } from '../format.ts';
import { methodOf } from '../methods/index.ts';
import { featuresStage } from './features.ts';
import { assistantOf, generationsOf } from './pupils.ts';
import type { RunRecord } from './runRecord.ts';

/**
 * What was done besides training the three that are compared, with what that cost; undefined where
 * it was nothing.
 */
export function besides(record: RunRecord): string | undefined {
  const said = [looked(record), trainedAlong(record)].filter((sentence) => sentence !== undefined);
  return said.length === 0 ? undefined : said.join(' ');
}

/** Of a teacher's body from elsewhere. */
function looked({ config, data, recordings }: RunRecord): string | undefined {
  const recording = config.teacher.body && recordings[featuresStage(config.seeds[0] as number)];
  if (recording === undefined) return undefined;
  const { views, seconds } = recording;
  return `The teacher's body looked at ${views} views of ${grouped(data.train.pictures)} pictures, in ${duration(seconds)}; of the teacher a new head alone was trained.`;
}

function trainedAlong({ config, trainings }: RunRecord): string | undefined {
  const assistant = assistantOf(config);
  const pupils = [
    ...(assistant === undefined ? [] : [assistant]),
    ...config.seeds.flatMap((seed) => generationsOf(config, seed)),
  ];
  const seconds = pupils.reduce((sum, { name }) => sum + (trainings[name]?.seconds ?? 0), 0);
  const { architecture, epochs } = pupils[0]?.choice ?? config.student;
  switch (methodOf(config.distillation.method).company) {
    case 'assistant':
      return `On the way an assistant was trained: ${architecture}, ${epochs} epochs, ${duration(seconds)}.`;
    case 'generations':
      return pupils.length === 0
        ? undefined
        : `On the way ${pupils.length} more students were trained: ${epochs} epochs each, ${duration(seconds)} in all.`;
    case 'peer':
      return 'A peer of the same architecture was trained along; the distilled student is the first of the two, and its time is that of both.';
    default:
      return undefined;
  }
}
