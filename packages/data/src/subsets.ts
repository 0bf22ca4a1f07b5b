import { deriveSeed, ensure, permutation } from '@kd/core';
import type { ImageDataset } from './imageDataset.ts';

/** Two disjoint datasets over the same pixels. */
export interface TrainValidation {
  readonly train: ImageDataset;
  readonly validation: ImageDataset;
}

/** Two disjoint datasets over the same pixels. */
export interface TrainTest {
  readonly train: ImageDataset;
  readonly test: ImageDataset;
}

/**
 * Splits a dataset in two that share its pixels: `const { train, validation } =
 * trainValidationSplit(cifar.train, { validation: 5_000, seed: 0 })`.
 *
 * Stratified: the counts are exact, and each class gives its share, exact to one image, unless it
 * would lose its last image for training: then the other classes give more. (Only where fewer
 * images remain for training than there are classes do some classes lose theirs.) Images without a
 * label stay in the training set; if none has a label, all are drawn alike. The same seed gives the
 * same split on every machine.
 * @param options.validation Images in the validation set, 1 ≤ validation < labelled images.
 * @throws RangeError if one of the two would be empty.
 */
export function trainValidationSplit(
  dataset: ImageDataset,
  { validation: count, seed }: { readonly validation: number; readonly seed: number },
): TrainValidation {
  // The stream names random numbers: another one would give another split.
  const { kept, drawn } = split(dataset, {
    caller: 'trainValidationSplit',
    part: 'validation',
    stream: 'split',
    count,
    seed,
  });
  return { train: kept, validation: drawn };
}

/**
 * Splits a test set from a dataset as `trainValidationSplit` does a validation set, by other random
 * numbers: for data that come without one. Split the test set first, then the validation set from
 * what remains.
 * @param options.test Images in the test set, 1 ≤ test < labelled images.
 * @throws RangeError if one of the two would be empty.
 */
export function trainTestSplit(
  dataset: ImageDataset,
  { test: count, seed }: { readonly test: number; readonly seed: number },
): TrainTest {
  const { kept, drawn } = split(dataset, {
    caller: 'trainTestSplit',
    part: 'test',
    stream: 'test split',
    count,
    seed,
  });
  return { train: kept, test: drawn };
}

interface SplitOptions {
  readonly caller: string;
  /** What the drawn images are for. */
  readonly part: string;
  readonly stream: string;
  readonly count: number;
  readonly seed: number;
}

function split(
  dataset: ImageDataset,
  { caller, part, stream, count, seed }: SplitOptions,
): { readonly kept: ImageDataset; readonly drawn: ImageDataset } {
  const { members, unlabelled } = groupByClass(dataset);
  const labelled = dataset.indices.length - unlabelled.length;
  const groups = labelled === 0 ? [unlabelled] : members;
  const most = (labelled === 0 ? unlabelled.length : labelled) - 1;
  const images = most + 1 === dataset.indices.length ? 'images' : 'images with a label';
  const expected = `${part} to be a whole number from 1 to ${most} ('${dataset.name}' has ${most + 1} ${images})`;
  ensure(Number.isInteger(count) && count >= 1 && count <= most, caller, expected, count);
  assertSeed(caller, seed);
  const chosen = draw(dataset, groups, keepOneOfEach(groups, count), seed, stream);
  const name = (images: number, purpose: string) => `${dataset.name} (${images} for ${purpose})`;
  return {
    kept: {
      ...dataset,
      name: name(dataset.indices.length - count, 'training'),
      indices: dataset.indices.filter((index) => chosen[index] === 0),
    },
    drawn: {
      ...dataset,
      name: name(count, part),
      indices: dataset.indices.filter((index) => chosen[index] === 1),
    },
  };
}

/**
 * Draws a smaller dataset with the same share of each class, which shares the pixels; stratified
 * and seeded as `trainValidationSplit`. Images without a label count as a class.
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
  const { members, unlabelled } = groupByClass(dataset);
  const groups = [...members, unlabelled];
  // The last argument names the random stream: another one would give another subset.
  const drawn = draw(dataset, groups, computeQuotas(groups, count), seed, 'take');
  return {
    ...dataset,
    name: `${dataset.name} (subset of ${count})`,
    indices: dataset.indices.filter((index) => drawn[index] === 1),
  };
}

/**
 * Counts the images of every class, [classes]; those without a label are in none. For
 * `balancedClassWeights` of @kd/losses.
 */
export function countClasses(dataset: ImageDataset): number[] {
  return groupByClass(dataset).members.map((indices) => indices.length);
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

/** Images of a class, or of none. */
type Group = readonly number[];

/** Number of images that a group would give in proportion, and of those that it gives. */
interface Quota {
  readonly group: number;
  readonly size: number;
  readonly share: number;
  quota: number;
}

/**
 * Numbers of images that the groups give, `count` in all, each its share; the images that rounding
 * leaves over come from the groups with the largest remainders.
 */
function computeQuotas(groups: readonly Group[], count: number): number[] {
  const quotas = roundDown(groups, count);
  takeByRemainder(quotas, count, () => 1);
  return quotas.map(({ quota }) => quota);
}

/** As `computeQuotas`, but no group gives its last image as long as another one has more. */
function keepOneOfEach(groups: readonly Group[], count: number): number[] {
  const quotas = roundDown(groups, count);
  const spare = ({ size, quota }: Quota) => Math.min(1, Math.max(0, size - 1 - quota));
  takeByRemainder(quotas, count, spare);
  // Where small groups keep theirs, the others give more.
  while (missing(quotas, count) > 0 && quotas.some((one) => spare(one) > 0))
    takeByRemainder(quotas, count, spare);
  takeByRemainder(quotas, count, ({ size, quota }) => Math.min(1, size - quota));
  return quotas.map(({ quota }) => quota);
}

function roundDown(groups: readonly Group[], count: number): Quota[] {
  const whole = groups.reduce((sum, { length }) => sum + length, 0);
  return groups.map(({ length: size }, group) => {
    const share = (count * size) / whole;
    return { group, size, share, quota: Math.floor(share) };
  });
}

function missing(quotas: readonly Quota[], count: number): number {
  return count - quotas.reduce((sum, { quota }) => sum + quota, 0);
}

/**
 * Goes through the groups once, those first that have given least of their share, and takes from
 * each what it may give.
 */
function takeByRemainder(
  quotas: readonly Quota[],
  count: number,
  mayGive: (quota: Quota) => number,
): void {
  let rest = missing(quotas, count);
  const remainder = ({ share, quota }: Quota) => share - quota;
  for (const one of [...quotas].sort((a, b) => remainder(b) - remainder(a))) {
    const given = Math.max(0, Math.min(rest, mayGive(one)));
    one.quota += given;
    rest -= given;
  }
}

/**
 * Draws so many images of every group.
 * @param stream Name of the random stream: draws from different streams are independent.
 * @returns Flag of each image of the whole dataset: 1 if it was drawn.
 */
function draw(
  { labels }: ImageDataset,
  groups: readonly Group[],
  quotas: readonly number[],
  seed: number,
  stream: string,
): Uint8Array {
  const drawn = new Uint8Array(labels.length);
  groups.forEach((indices, group) => {
    const order = permutation(deriveSeed(seed, stream, group), 0, indices.length);
    for (let at = 0; at < (quotas[group] as number); at++)
      drawn[indices[order[at] as number] as number] = 1;
  });
  return drawn;
}

function groupByClass({ classNames, indices, labels }: ImageDataset): {
  readonly members: readonly number[][];
  readonly unlabelled: readonly number[];
} {
  const members: number[][] = classNames.map(() => []);
  const unlabelled: number[] = [];
  for (const index of indices) (members[labels[index] as number] ?? unlabelled).push(index);
  return { members, unlabelled };
}
