import { ensure } from '@kd/core';
import { expectSeed } from './expectSeed.ts';
import type { ImageDataset } from './imageDataset.ts';
import { stratify } from './stratify.ts';

/** Two disjoint sets over the same pixels. */
export interface TrainValidation {
  readonly train: ImageDataset;
  readonly validation: ImageDataset;
}

/**
 * Splits a data set in two that share its pixels: `const { train, validation } =
 * trainValidationSplit(cifar.train, { validation: 5_000, seed: 0 })`.
 *
 * Stratified: each class gives its share, exact to one image, and the counts are exact. The same
 * seed gives the same split on every machine.
 * @param options.validation Images in the validation set, 1 ≤ validation < images.
 * @throws RangeError where `validation` leaves one of the two empty.
 */
export function trainValidationSplit(
  dataset: ImageDataset,
  { validation: count, seed }: { readonly validation: number; readonly seed: number },
): TrainValidation {
  const whole = dataset.rows.length;
  const expected = `validation to be a whole number from 1 to ${whole - 1} ('${dataset.name}' has ${whole} images)`;
  ensure(
    Number.isInteger(count) && count >= 1 && count < whole,
    'trainValidationSplit',
    expected,
    count,
  );
  expectSeed('trainValidationSplit', seed);
  // The last argument names the random stream: another one is another split.
  const drawn = stratify(dataset, count, seed, 'split');
  return {
    train: {
      ...dataset,
      name: `${dataset.name} (${whole - count} kept)`,
      rows: dataset.rows.filter((row) => drawn[row] === 0),
    },
    validation: {
      ...dataset,
      name: `${dataset.name} (${count} held out)`,
      rows: dataset.rows.filter((row) => drawn[row] === 1),
    },
  };
}
