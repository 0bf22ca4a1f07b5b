import { ensure } from '@kd/core';
import { expectSeed } from './expectSeed.ts';
import type { ImageDataset } from './imageDataset.ts';
import { stratify } from './stratify.ts';

/**
 * A smaller set of the same make-up, sharing the pixels; stratified and seeded like
 * `splitBackbone`.
 * @param count Pictures wanted, 1 ≤ count ≤ pictures.
 * @throws RangeError where there are not so many.
 */
export function stratifiedSubset(
  set: ImageDataset,
  count: number,
  { seed }: { readonly seed: number },
): ImageDataset {
  const whole = set.rows.length;
  const expected = `a whole number of pictures from 1 to ${whole} ('${set.name}' has no more)`;
  ensure(
    Number.isInteger(count) && count >= 1 && count <= whole,
    'stratifiedSubset',
    expected,
    count,
  );
  expectSeed('stratifiedSubset', seed);
  const drawn = stratify(set, count, seed, 'take');
  return {
    ...set,
    name: `${set.name} (${count} taken)`,
    rows: set.rows.filter((row) => drawn[row] === 1),
  };
}
