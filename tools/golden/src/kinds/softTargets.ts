import { expectedError } from '@kd/core';
import { softTargets, weighted } from '@kd/losses';
import type { JsonObject } from '../file.ts';
import { numberOf } from '../values.ts';
import { termKind } from './kind.ts';

/**
 * `KD`, `KD (KL, batchmean, times T^2)`, `KD of equal logits`, `KD, constant student rows`, `KL
 * with reduction mean (…)`.
 */
export const softTargetsKind = termKind({
  matches: ({ loss }) => /^KD($|,| of equal| \()|^KL with reduction/.test(loss),
  options: ['temperature', 'reduction', 'timesT2', 'classes'],
  term(options, classes) {
    const temperature = numberOf(options, 'temperature');
    const factor = options.timesT2 === false ? 1 / temperature ** 2 : 1;
    return weighted(factor * shareOf(options, classes), softTargets({ temperature }));
  },
});

/** A mean over batch × classes is the right mean divided by the classes. */
export function shareOf({ reduction = 'batchmean' }: JsonObject, classes: number): number {
  if (reduction === 'batchmean') return 1;
  if (reduction === 'mean') return 1 / classes;
  throw expectedError('golden', 'reduction batchmean or mean', reduction);
}
