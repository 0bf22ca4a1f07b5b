import { formatElapsed, formatInteger } from '@kd/core/internal';
import { formatSpread } from './format.ts';
import { type RunRecord, stageName } from './runRecord.ts';
import type { Spread, Summary } from './summary.ts';

/** The result of a run in a sentence. */
export interface GainSummary {
  readonly sentence: string;
  /** Whether the claim of the experiment holds; absent where it claims nothing. */
  readonly holds?: boolean;
}

/** Compares the distilled student with the same student trained alone, on the test images. */
export function summarizeGain(record: RunRecord, { networks, gain }: Summary): GainSummary {
  const [teacher, baseline, distilled] = networks;
  const { claim, experiment, seeds } = record.config;
  const accuracies =
    `${formatSpread(distilled.accuracy)} against ${formatSpread(baseline.accuracy)} on ` +
    `${formatInteger(record.data.test.images)} test images`;
  const basis =
    seeds.length === 1 ? `one seed: ${seeds[0]}` : `mean ± std of ${seeds.length} seeds`;
  const comparison =
    gain.mean > 0
      ? `is ${formatPoints(gain)} more accurate than`
      : gain.mean < 0
        ? `is ${formatPoints(gain)} LESS accurate than`
        : 'is as accurate as';
  const weakTeacher =
    teacher.accuracy.mean <= baseline.accuracy.mean
      ? ` The teacher (${formatSpread(teacher.accuracy)}) is no better than the student alone.`
      : '';
  const sentence =
    `The distilled student ${comparison} the same student trained alone: ` +
    `${accuracies} (${basis}).${describeChance(record, gain)}${weakTeacher}`;
  return claim
    ? { sentence, holds: gain.mean > 0 }
    : // A run whose experiment was chosen by default is nobody's claim.
      record.choices === undefined
      ? { sentence: `${sentence} The experiment ${experiment} makes no claim.` }
      : { sentence };
}

/**
 * States the standard error where the difference is less than twice as large: then other test
 * images could well turn it around.
 */
function describeChance(record: RunRecord, gain: Spread): string {
  const error = standardError(record);
  if (error === undefined || gain.mean === 0 || Math.abs(gain.mean) >= 2 * error) return '';
  const points = (100 * error).toFixed(2);
  return ` That may be chance: the standard error of the difference is ${points} points.`;
}

/**
 * Computes the standard error of the difference of the two accuracies from the test images that
 * only one of the students classifies correctly; several seeds share these images, so that their
 * mean counts.
 * @returns undefined where a run does not have the counts.
 */
export function standardError({ config, results }: RunRecord): number | undefined {
  const errors = config.seeds.flatMap((seed) => {
    const { againstAlone, test } = results[stageName('distilled', seed)] ?? {};
    if (againstAlone === undefined || test === undefined) return [];
    const { gained, lost } = againstAlone;
    return Math.sqrt(gained + lost - (gained - lost) ** 2 / test.images) / test.images;
  });
  return errors.length === 0
    ? undefined
    : errors.reduce((sum, error) => sum + error, 0) / errors.length;
}

/** Formats a difference without its sign: `1.03 ± 0.20 points`. */
function formatPoints({ mean, std }: Spread): string {
  const deviation = std === undefined ? '' : ` ± ${(100 * std).toFixed(2)}`;
  return `${(100 * Math.abs(mean)).toFixed(2)}${deviation} points`;
}

/**
 * Describes what was computed besides the training of the compared networks, with its time.
 * @returns undefined where there was nothing.
 */
export function footnotes(record: RunRecord): string | undefined {
  const sentences = [describeFeatures(record), describeFurtherTrainings(record)].filter(
    (sentence) => sentence !== undefined,
  );
  return sentences.length === 0 ? undefined : sentences.join(' ');
}

function describeFeatures({ data, caches }: RunRecord): string | undefined {
  const cache = Object.values(caches).find(({ outputs }) => outputs === 'features');
  if (cache === undefined) return undefined;
  const images = formatInteger(data.train.images);
  return (
    `The teacher's pretrained backbone was evaluated once on ${cache.views} views of ${images} ` +
    `images, in ${formatElapsed(cache.seconds)}; only a new head was trained.`
  );
}

function describeFurtherTrainings({ config, trainings }: RunRecord): string | undefined {
  const { assistant, generations, peer } = config.distillation;
  const { epochs } = config.student;
  const seconds = Object.values(trainings)
    .filter(({ role }) => role === 'assistant' || role === 'generation')
    .reduce((sum, training) => sum + training.seconds, 0);
  const time = formatElapsed(seconds);
  if (assistant !== undefined)
    return `An assistant was trained as well: ${assistant}, ${epochs} epochs, ${time}.`;
  if (generations !== undefined && generations > 1) {
    const count = (generations - 1) * config.seeds.length;
    return (
      `${formatInteger(count)} more students were trained before the last one: ` +
      `${epochs} epochs each, ${time} in all.`
    );
  }
  return peer === true
    ? 'A peer of the same architecture was trained together with the distilled student, whose ' +
        'training time is that of both.'
    : undefined;
}
