import { deriveSeed, permutation } from '@kd/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  countClasses,
  type ImageDataset,
  imageDataset,
  stratifiedSubset,
  trainTestSplit,
  trainValidationSplit,
} from '../src/index.ts';
import { allPixels, countingDataset } from './support/datasets.ts';

const good = {
  pixels: [0, 255, 3, 4, 5, 6, 7, 8],
  labels: [1, 0],
  imageShape: [2, 2, 1],
  classNames: ['a', 'b'],
  name: 'two',
} as const;

describe('imageDataset', () => {
  test('has bytes, labels and all indices', () => {
    const set = imageDataset(good);
    expect(allPixels(set)).toEqual(Uint8Array.of(0, 255, 3, 4, 5, 6, 7, 8));
    expect(set.labels).toEqual(Uint8Array.of(1, 0));
    expect(set.indices).toEqual(Int32Array.of(0, 1));
  });

  test('labels may be above 255', () => {
    const classNames = Array.from({ length: 300 }, (_, label) => `${label}`);
    expect([...imageDataset({ ...good, labels: [299, 0], classNames }).labels]).toEqual([299, 0]);
  });

  test('its fingerprint changes with pixels, labels and shape, and with nothing else', async () => {
    const identity = await imageDataset(good).fingerprint();
    expect(identity).toMatch(/^[0-9a-f]{64}$/);
    expect(
      await imageDataset({
        ...good,
        pixels: Uint8Array.from(good.pixels),
        name: 'another name',
      }).fingerprint(),
    ).toBe(identity);
    expect(
      await imageDataset({ ...good, pixels: [1, 255, 3, 4, 5, 6, 7, 8] }).fingerprint(),
    ).not.toBe(identity);
    expect(await imageDataset({ ...good, labels: [0, 1] }).fingerprint()).not.toBe(identity);
    expect(await imageDataset({ ...good, imageShape: [1, 4, 1] }).fingerprint()).not.toBe(identity);
  });

  test.each([
    [{ labels: [] }, "imageDataset 'two': expected at least one image, got an empty set."],
    [
      { labels: [0, 1, 1] },
      "imageDataset 'two': expected 12 pixels (3 labels × 2 × 2 × 1), got 8; each image needs one label.",
    ],
    [
      { pixels: [1, 2, 3] },
      "imageDataset 'two': expected 8 pixels (2 labels × 2 × 2 × 1), got 3; each image needs one label.",
    ],
    [
      { labels: [0, 2] },
      "imageDataset 'two': expected whole labels 0–1 (2 class names), or −1 for none, got 2 for image 1.",
    ],
    [
      { labels: [-2, 0] },
      "imageDataset 'two': expected whole labels 0–1 (2 class names), or −1 for none, got -2 for image 0.",
    ],
    [
      { labels: [0.5, 0] },
      "imageDataset 'two': expected whole labels 0–1 (2 class names), or −1 for none, got 0.5 for image 0.",
    ],
    [{ classNames: [] }, "imageDataset 'two': expected at least one class name, got 0."],
    [
      { imageShape: [2, 2, 0] as const },
      "imageDataset 'two': expected imageShape [height, width, channels] of whole numbers ≥ 1, got [2, 2, 0].",
    ],
    [
      { pixels: [0, 0.5, 3, 4, 5, 6, 7, 8] },
      "imageDataset 'two': expected whole pixels 0–255, got 0.5 at position 1; pixels that run from 0 to 1 must be multiplied by 255 and rounded.",
    ],
  ] as const)('refuses %j', (wrong, message) => {
    expect(() => imageDataset({ ...good, ...wrong })).toThrow(new RangeError(message));
  });
});

function countsByClass(set: ImageDataset): number[] {
  const counts = set.classNames.map(() => 0);
  for (const row of set.indices)
    counts[set.labels[row] as number] = (counts[set.labels[row] as number] as number) + 1;
  return counts;
}

describe('trainValidationSplit', () => {
  test('shares pixels and fingerprint, and every image is in exactly one part', async () => {
    const set = countingDataset({ images: 100 });
    const { train, validation } = trainValidationSplit(set, {
      validation: 30,
      seed: 1,
    });
    expect(train.images).toBe(set.images);
    expect(validation.images).toBe(set.images);
    expect(await validation.fingerprint()).toBe(await set.fingerprint());
    expect([...train.indices, ...validation.indices].sort((a, b) => a - b)).toEqual([
      ...set.indices,
    ]);
    expect(countsByClass(validation)).toEqual(Array(10).fill(3));
    expect([train.name, validation.name]).toEqual([
      'counting (70 for training)',
      'counting (30 for validation)',
    ]);
  });

  test('is the same for the same seed and differs for another', () => {
    const set = countingDataset({ images: 100 });
    expect(trainValidationSplit(set, { validation: 30, seed: 1 }).validation.indices).toEqual(
      trainValidationSplit(set, { validation: 30, seed: 1 }).validation.indices,
    );
    expect(trainValidationSplit(set, { validation: 30, seed: 2 }).validation.indices).not.toEqual(
      trainValidationSplit(set, { validation: 30, seed: 1 }).validation.indices,
    );
  });

  const labelled = fc
    .array(fc.integer({ min: 0, max: 4 }), { minLength: 2, maxLength: 60 })
    .chain((labels) =>
      fc.tuple(fc.constant(labels), fc.integer({ min: 1, max: labels.length - 1 })),
    );

  test('gives exact counts and each class its share to within one image, unless a class would lose its last image', () => {
    fc.assert(
      fc.property(labelled, fc.nat(), ([labels, count], seed) => {
        const set = labelledDataset(labels);
        const { train, validation } = trainValidationSplit(set, {
          validation: count,
          seed,
        });
        expect(validation.indices.length).toBe(count);
        expect(train.indices.length).toBe(labels.length - count);
        const whole = countsByClass(set);
        const losesClass = proportionalQuotas(whole, count).some(
          (quota, label) => quota > 0 && quota === whole[label],
        );
        countsByClass(validation).forEach((got, label) => {
          if (!losesClass)
            expect(Math.abs(got - (count * (whole[label] as number)) / labels.length)).toBeLessThan(
              1,
            );
        });
      }),
      { seed: 3, numRuns: 100 },
    );
  });

  test('leaves every class an image for training, wherever there are as many images for training as classes', () => {
    fc.assert(
      fc.property(labelled, fc.nat(), ([labels, count], seed) => {
        const set = labelledDataset(labels);
        const { train } = trainValidationSplit(set, { validation: count, seed });
        const classes = new Set(labels).size;
        expect(countClasses(train).filter((images) => images > 0).length).toBe(
          Math.min(classes, labels.length - count),
        );
      }),
      { seed: 4, numRuns: 300 },
    );
  });

  test('takes the images that the proportional rule takes where every class is large enough', () => {
    const labels = Array.from({ length: 200 }, (_, image) => ((image * image) % 5) % 3);
    const set = labelledDataset(labels);
    for (const count of [1, 20, 57, 120]) {
      const quotas = proportionalQuotas(countsByClass(set), count);
      expect([
        ...trainValidationSplit(set, { validation: count, seed: 7 }).validation.indices,
      ]).toEqual(proportionalDraw(labels, quotas, 7, 'split'));
      expect([...stratifiedSubset(set, count, { seed: 7 }).indices]).toEqual(
        proportionalDraw(labels, quotas, 7, 'take'),
      );
    }
  });

  test('a class of one image stays in the training set, classes of two give one at most', () => {
    const labels = [...Array(40).fill(0), 1, 2, 2, ...Array(17).fill(3)];
    for (let seed = 0; seed < 20; seed++) {
      const { train, validation } = trainValidationSplit(labelledDataset(labels), {
        validation: 50,
        seed,
      });
      expect(validation.indices.length).toBe(50);
      expect(countClasses(train)[1]).toBe(1);
      expect(countClasses(train)[2]).toBeGreaterThanOrEqual(1);
    }
  });

  test('images without a label stay in the training set, and count in no share', () => {
    const labels = Array.from({ length: 90 }, (_, image) => (image % 3) - 1);
    const { train, validation } = trainValidationSplit(labelledDataset(labels), {
      validation: 30,
      seed: 0,
    });
    expect(countsByClass(validation).slice(0, 2)).toEqual([15, 15]);
    expect([...train.indices].filter((index) => labels[index] === -1).length).toBe(30);
    expect(() =>
      trainValidationSplit(labelledDataset(labels), { validation: 60, seed: 0 }),
    ).toThrow(
      new RangeError(
        "trainValidationSplit: expected validation to be a whole number from 1 to 59 ('images' has 60 images with a label), got 60.",
      ),
    );
  });

  test('where no image has a label, all are drawn alike', () => {
    const { train, validation } = trainValidationSplit(labelledDataset(Array(20).fill(-1)), {
      validation: 5,
      seed: 0,
    });
    expect([validation.indices.length, train.indices.length]).toEqual([5, 15]);
  });

  test('a subset keeps the share of images without a label', () => {
    const labels = Array.from({ length: 90 }, (_, image) => (image % 3) - 1);
    const taken = stratifiedSubset(labelledDataset(labels), 30, { seed: 0 });
    expect(countClasses(taken)).toEqual([10, 10, 0, 0, 0]);
    expect(taken.indices.length).toBe(30);
  });

  test('splits a part again', () => {
    const { train } = trainValidationSplit(countingDataset({ images: 100 }), {
      validation: 30,
      seed: 1,
    });
    const { validation } = trainValidationSplit(train, { validation: 20, seed: 1 });
    expect([...validation.indices].every((row) => train.indices.includes(row))).toBe(true);
    expect(countsByClass(validation)).toEqual(Array(10).fill(2));
  });

  test.each([0, 100, 101, 1.5, -1, Number.NaN])('refuses %d of 100 for validation', (count) => {
    const message = `trainValidationSplit: expected validation to be a whole number from 1 to 99 ('counting' has 100 images), got ${count}.`;
    expect(() =>
      trainValidationSplit(countingDataset({ images: 100 }), { validation: count, seed: 0 }),
    ).toThrow(new RangeError(message));
  });
});

describe('trainTestSplit', () => {
  test('splits as a validation set is split, by other random numbers', () => {
    const set = countingDataset({ images: 100 });
    const { train, test: held } = trainTestSplit(set, { test: 30, seed: 1 });
    expect(countsByClass(held)).toEqual(Array(10).fill(3));
    expect([...train.indices, ...held.indices].sort((a, b) => a - b)).toEqual([...set.indices]);
    expect([train.name, held.name]).toEqual([
      'counting (70 for training)',
      'counting (30 for test)',
    ]);
    const { validation } = trainValidationSplit(set, { validation: 30, seed: 1 });
    expect([...held.indices]).not.toEqual([...validation.indices]);
  });

  test('refuses a test set of all images', () => {
    expect(() => trainTestSplit(countingDataset({ images: 7 }), { test: 7, seed: 0 })).toThrow(
      new RangeError(
        "trainTestSplit: expected test to be a whole number from 1 to 6 ('counting' has 7 images), got 7.",
      ),
    );
  });
});

test.each([-1, 0.5, Number.NaN, undefined as unknown as number])(
  'a split and a subset refuse seed %s',
  (seed) => {
    const set = countingDataset({ images: 7 });
    const got = seed === undefined ? 'nothing' : seed;
    expect(() => trainValidationSplit(set, { validation: 1, seed })).toThrow(
      new RangeError(
        `trainValidationSplit: expected seed to be a whole number from 0 to 2⁵³ − 1, got ${got}.`,
      ),
    );
    expect(() => stratifiedSubset(set, 1, { seed })).toThrow(
      new RangeError(
        `stratifiedSubset: expected seed to be a whole number from 0 to 2⁵³ − 1, got ${got}.`,
      ),
    );
  },
);

describe('stratifiedSubset', () => {
  test('draws a stratified subset, exact in number', () => {
    const taken = stratifiedSubset(countingDataset({ images: 100 }), 50, { seed: 4 });
    expect(countsByClass(taken)).toEqual(Array(10).fill(5));
    expect([...taken.indices]).toEqual([...new Set(taken.indices)].sort((a, b) => a - b));
  });

  test('may take everything', () => {
    expect([...stratifiedSubset(countingDataset({ images: 7 }), 7, { seed: 0 }).indices]).toEqual([
      0, 1, 2, 3, 4, 5, 6,
    ]);
  });

  test.each([0, 8, 2.5])('refuses %d of 7', (count) => {
    const message = `stratifiedSubset: expected a whole number of images from 1 to 7 ('counting' has no more), got ${count}.`;
    expect(() => stratifiedSubset(countingDataset({ images: 7 }), count, { seed: 0 })).toThrow(
      new RangeError(message),
    );
  });
});

/** One pixel an image, five classes. */
function labelledDataset(labels: readonly number[]): ImageDataset {
  return imageDataset({
    pixels: labels.map((_, image) => image),
    labels,
    imageShape: [1, 1, 1],
    classNames: ['a', 'b', 'c', 'd', 'e'],
  });
}

/** Images of every class by the rule that knows no rare classes: shares, then largest remainders. */
function proportionalQuotas(counts: readonly number[], count: number): number[] {
  const whole = counts.reduce((sum, one) => sum + one, 0);
  const shares = counts.map((images) => (count * images) / whole);
  const quotas = shares.map(Math.floor);
  const rest = count - quotas.reduce((sum, quota) => sum + quota, 0);
  const byRemainder = shares
    .map((share, label) => ({ label, remainder: share - Math.floor(share) }))
    .sort((a, b) => b.remainder - a.remainder);
  for (const { label } of byRemainder.slice(0, rest)) quotas[label] = (quotas[label] as number) + 1;
  return quotas;
}

/** The images that a stream of random numbers draws, ascending. */
function proportionalDraw(
  labels: readonly number[],
  quotas: readonly number[],
  seed: number,
  stream: string,
): number[] {
  return quotas
    .flatMap((quota, label) => {
      const members = labels.flatMap((one, index) => (one === label ? [index] : []));
      const order = permutation(deriveSeed(seed, stream, label), 0, members.length);
      return Array.from(order.slice(0, quota), (at) => members[at] as number);
    })
    .sort((a, b) => a - b);
}
