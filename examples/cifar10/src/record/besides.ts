import { duration } from '../format.ts';
import { methodOf } from '../methods/index.ts';
import { assistantOf, generationsOf } from './pupils.ts';
import type { RunRecord } from './runRecord.ts';

/** What a method trained besides the three that are compared, with what that cost; undefined where it was nothing. */
export function besides({ config, trainings }: RunRecord): string | undefined {
  const assistant = assistantOf(config);
  const pupils = [...(assistant === undefined ? [] : [assistant]), ...config.seeds.flatMap((seed) => generationsOf(config, seed))];
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
