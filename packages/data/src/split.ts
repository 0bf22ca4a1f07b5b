import { ensure } from '@kd/core';
import { expectSeed } from './expectSeed.ts';
import type { ImageSet } from './imageSet.ts';
import { stratify } from './stratify.ts';

/**
 * Cuts a set in two that share its pixels: `const [kept, held] = split(train, { held: 5_000, seed: 0 })`.
 *
 * Stratified: each class gives its share, exact to one picture, and the counts are exact. The same seed gives the same cut on every machine.
 * @param options.held Pictures in the second set, 1 ≤ held < pictures.
 * @throws RangeError where `held` leaves one of the two empty.
 */
export function split(set: ImageSet, { held, seed }: { readonly held: number; readonly seed: number }): [kept: ImageSet, held: ImageSet] {
  const whole = set.rows.length;
  const expected = `held to be a whole number from 1 to ${whole - 1} ('${set.name}' has ${whole} pictures)`;
  ensure(Number.isInteger(held) && held >= 1 && held < whole, 'split', expected, held);
  expectSeed('split', seed);
  const drawn = stratify(set, held, seed, 'split');
  return [
    { ...set, name: `${set.name} (${whole - held} kept)`, rows: set.rows.filter((row) => drawn[row] === 0) },
    { ...set, name: `${set.name} (${held} held out)`, rows: set.rows.filter((row) => drawn[row] === 1) },
  ];
}
