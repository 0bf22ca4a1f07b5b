import { deriveSeed, ensure, permutation } from '@kd/core';
import type { ImageDataset } from './imageDataset.ts';

/** Two disjoint datasets over the same pixels. */
export interface TrainValidation {
  readonly train: ImageDataset;
  readonly validation: ImageDataset;
}

/**
 * Splits a dataset in two that share its pixels: `const { train, validation } =
 * trainValidationSplit(cifar.train, { validation: 5_000, seed: 0 })`.
 *
 * Stratified: each class gives its share, exact to one image, and the counts are exact. The same
 * seed gives the same split on every machine.
 * @param options.validation Images in the validation set, 1 ≤ validation < images.
 * @throws RangeError if one of the two would be empty.
 */
export function trainValidationSplit(
  dataset: ImageDataset,
  { validation: count, seed }: { readonly validation: number; readonly seed: number },
): TrainValidation {
  const whole = dataset.indices.length;
  const expected = `validation to be a whole number from 1 to ${whole - 1} ('${dataset.name}' has ${whole} images)`;
  ensure(
    Number.isInteger(count) && count >= 1 && count < whole,
    'trainValidationSplit',
    expected,
    count,
  );
  assertSeed('trainValidationSplit', seed);
  // The last argument names the random stream: another one would give another split.
  const drawn = stratify(dataset, count, seed, 'split');
  return {
    train: {
      ...dataset,
      name: `${dataset.name} (${whole - count} for training)`,
      indices: dataset.indices.filter((index) => drawn[index] === 0),
    },
    validation: {
      ...dataset,
      name: `${dataset.name} (${count} for validation)`,
      indices: dataset.indices.filter((index) => drawn[index] === 1),
    },
  };
}

/**
 * Draws a smaller dataset with the same share of each class, which shares the pixels; stratified
 * and
 * seeded as `trainValidationSplit`.
 * @param count Images, 1 ≤ count ≤ images of the dataset.
 * @throws RangeError if there are not as many.
 */
export function stratifiedSubset(
  dataset: ImageDataset,
  count: number,
  { seed }: { readonly seed: number },
): ImageDataset {
  const whole = dataset.indices.length;
  const expected = `a whole number of images from 1 to ${whole} ('${dataset.name}' has no more)`;
  ensure(
    Number.isInteger(count) && count >= 1 && count <= whole,
    'stratifiedSubset',
    expected,
    count,
  );
  assertSeed('stratifiedSubset', seed);
  // The last argument names the random stream: another one would give another subset.
  const drawn = stratify(dataset, count, seed, 'take');
  return {
    ...dataset,
    name: `${dataset.name} (subset of ${count})`,
    indices: dataset.indices.filter((index) => drawn[index] === 1),
  };
}

/** Throws unless a number can be a seed. */
export function assertSeed(caller: string, seed: number): void {
  ensure(
    Number.isSafeInteger(seed) && seed >= 0,
    caller,
    'seed to be a whole number from 0 to 2⁵³ − 1',
    seed,
  );
}

/**
 * Draws `count` images so that each class keeps its share; the images that rounding leaves over go
 * to the classes with the largest remainders.
 * @param stream Name of the random stream: draws from different streams are independent.
 * @returns Flag of each image of the whole dataset: 1 if it was drawn.
 */
function stratify(dataset: ImageDataset, count: number, seed: number, stream: string): Uint8Array {
  const members = groupByClass(dataset);
  const shares = members.map((indices) => (count * indices.length) / dataset.indices.length);
  const quotas = shares.map(Math.floor);
  const rest = count - quotas.reduce((sum, quota) => sum + quota, 0);
  const byRemainder = shares
    .map((share, label) => ({ label, remainder: share - Math.floor(share) }))
    .sort((a, b) => b.remainder - a.remainder);
  for (const { label } of byRemainder.slice(0, rest)) quotas[label] = (quotas[label] as number) + 1;

  const drawn = new Uint8Array(dataset.labels.length);
  members.forEach((indices, label) => {
    const order = permutation(deriveSeed(seed, stream, label), 0, indices.length);
    for (let at = 0; at < (quotas[label] as number); at++)
      drawn[indices[order[at] as number] as number] = 1;
  });
  return drawn;
}

function groupByClass(dataset: ImageDataset): number[][] {
  const members: number[][] = dataset.classNames.map(() => []);
  for (const index of dataset.indices) members[dataset.labels[index] as number]?.push(index);
  return members;
}
