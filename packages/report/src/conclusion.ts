import { grouped, percent, percentSpread } from './format.ts';
import type { RunRecord } from './runRecord.ts';
import type { ActorSummary, Spread, Summary } from './summary.ts';

/** What a run found, in a sentence, and whether its claim holds. */
export interface Conclusion {
  readonly sentence: string;
  /** Undefined where nothing is claimed. */
  readonly holds?: boolean;
}

/** The distilled student against the same student alone, on the test set. */
export function conclude(record: RunRecord, { actors, gain }: Summary): Conclusion {
  const [teacher, alone, distilled] = actors as readonly [ActorSummary, ActorSummary, ActorSummary];
  const accuracies = `${percentSpread(distilled.accuracy)} against ${percentSpread(alone.accuracy)} on ${grouped(record.data.test.pictures)} test pictures`;
  const { seeds } = record.config;
  const basis = seeds.length === 1 ? `one seed: ${seeds[0]}` : `mean ± sd of ${seeds.length} seeds`;
  const weak =
    teacher.accuracy.mean <= alone.accuracy.mean
      ? ` The teacher (${percent(teacher.accuracy.mean, 2)}) is no better than the student alone.`
      : '';
  const verdict =
    gain.mean > 0
      ? `is ${points(gain)} more accurate than`
      : gain.mean < 0
        ? `is ${points(gain)} LESS accurate than`
        : 'is as accurate as';
  const sentence = `The distilled student ${verdict} the same student trained alone: ${accuracies} (${basis}).${weak}`;
  return record.config.claim
    ? { sentence, holds: gain.mean > 0 }
    : {
        sentence: `${sentence} The preset ${record.config.preset} is too small to claim anything.`,
      };
}

/** `1.03 ± 0.20 points`; the sign is said in words. */
function points({ mean, deviation }: Spread): string {
  const spread = deviation === undefined ? '' : ` ± ${(100 * deviation).toFixed(2)}`;
  return `${(100 * Math.abs(mean)).toFixed(2)}${spread} points`;
}
