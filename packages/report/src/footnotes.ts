import { duration, grouped } from './format.ts';
import { featuresStage, type RunRecord } from './runRecord.ts';

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
  const { assistant, generations, peer } = config.distillation;
  const { epochs } = config.student;
  const along = Object.values(trainings).filter(
    ({ actor }) => actor === 'assistant' || actor === 'generation',
  );
  const seconds = along.reduce((sum, training) => sum + training.seconds, 0);
  if (assistant !== undefined)
    return `On the way an assistant was trained: ${assistant}, ${epochs} epochs, ${duration(seconds)}.`;
  if (generations !== undefined && generations > 1)
    return `On the way ${(generations - 1) * config.seeds.length} more students were trained: ${epochs} epochs each, ${duration(seconds)} in all.`;
  return peer === true
    ? 'A peer of the same architecture was trained along; the distilled student is the first of the two, and its time is that of both.'
    : undefined;
}
