import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type ImageDataset,
  imageDataset,
  stratifiedSubset,
  trainValidationSplit,
} from '../src/index.ts';
import { countingSet } from './support/sets.ts';

function countsByClass(set: ImageDataset): number[] {
  const counts = set.classNames.map(() => 0);
  for (const row of set.rows)
    counts[set.labels[row] as number] = (counts[set.labels[row] as number] as number) + 1;
  return counts;
}

describe('split', () => {
  test('shares the pixels and the identity, and every row is in exactly one part', async () => {
    const set = countingSet({ pictures: 100 });
    const { train: kept, validation: held } = trainValidationSplit(set, {
      validation: 30,
      seed: 1,
    });
    expect(kept.pixels).toBe(set.pixels);
    expect(held.pixels).toBe(set.pixels);
    expect(await held.fingerprint()).toBe(await set.fingerprint());
    expect([...kept.rows, ...held.rows].sort((a, b) => a - b)).toEqual([...set.rows]);
    expect(countsByClass(held)).toEqual(Array(10).fill(3));
    expect([kept.name, held.name]).toEqual(['counting (70 kept)', 'counting (30 held out)']);
  });

  test('is the same for the same seed and differs for another', () => {
    const set = countingSet({ pictures: 100 });
    expect(trainValidationSplit(set, { validation: 30, seed: 1 }).validation.rows).toEqual(
      trainValidationSplit(set, { validation: 30, seed: 1 }).validation.rows,
    );
    expect(trainValidationSplit(set, { validation: 30, seed: 2 }).validation.rows).not.toEqual(
      trainValidationSplit(set, { validation: 30, seed: 1 }).validation.rows,
    );
  });

  test('gives exact counts and each class its share to within one picture, whatever the classes', () => {
    const labelled = fc
      .array(fc.integer({ min: 0, max: 4 }), { minLength: 2, maxLength: 60 })
      .chain((labels) =>
        fc.tuple(fc.constant(labels), fc.integer({ min: 1, max: labels.length - 1 })),
      );
    fc.assert(
      fc.property(labelled, fc.nat(), ([labels, count], seed) => {
        const set = imageDataset({
          pixels: labels,
          labels,
          imageShape: [1, 1, 1],
          classNames: ['a', 'b', 'c', 'd', 'e'],
        });
        const { train: kept, validation: held } = trainValidationSplit(set, {
          validation: count,
          seed,
        });
        expect(held.rows.length).toBe(count);
        expect(kept.rows.length).toBe(labels.length - count);
        const whole = countsByClass(set);
        countsByClass(held).forEach((got, label) => {
          expect(Math.abs(got - (count * (whole[label] as number)) / labels.length)).toBeLessThan(
            1,
          );
        });
      }),
      { seed: 3, numRuns: 100 },
    );
  });

  test('cuts a part of a part', () => {
    const { train: kept } = trainValidationSplit(countingSet({ pictures: 100 }), {
      validation: 30,
      seed: 1,
    });
    const { validation: held } = trainValidationSplit(kept, { validation: 20, seed: 1 });
    expect([...held.rows].every((row) => kept.rows.includes(row))).toBe(true);
    expect(countsByClass(held)).toEqual(Array(10).fill(2));
  });

  test.each([0, 100, 101, 1.5, -1, Number.NaN])('refuses to hold out %d of 100', (held) => {
    const message = `split: expected held to be a whole number from 1 to 99 ('counting' has 100 pictures), got ${held}.`;
    expect(() =>
      trainValidationSplit(countingSet({ pictures: 100 }), { validation: held, seed: 0 }),
    ).toThrow(new RangeError(message));
  });
});

test.each([-1, 0.5, Number.NaN, undefined as unknown as number])(
  'split and take refuse seed %s',
  (seed) => {
    const set = countingSet({ pictures: 7 });
    const got = seed === undefined ? 'nothing' : seed;
    expect(() => trainValidationSplit(set, { validation: 1, seed })).toThrow(
      new RangeError(`split: expected seed to be a whole number from 0 to 2⁵³ − 1, got ${got}.`),
    );
    expect(() => stratifiedSubset(set, 1, { seed })).toThrow(
      new RangeError(`take: expected seed to be a whole number from 0 to 2⁵³ − 1, got ${got}.`),
    );
  },
);

describe('take', () => {
  test('draws a stratified part, exact in number', () => {
    const taken = stratifiedSubset(countingSet({ pictures: 100 }), 50, { seed: 4 });
    expect(countsByClass(taken)).toEqual(Array(10).fill(5));
    expect([...taken.rows]).toEqual([...new Set(taken.rows)].sort((a, b) => a - b));
  });

  test('may take everything', () => {
    expect([...stratifiedSubset(countingSet({ pictures: 7 }), 7, { seed: 0 }).rows]).toEqual([
      0, 1, 2, 3, 4, 5, 6,
    ]);
  });

  test.each([0, 8, 2.5])('refuses %d of 7', (count) => {
    const message = `take: expected a whole number of pictures from 1 to 7 ('counting' has no more), got ${count}.`;
    expect(() => stratifiedSubset(countingSet({ pictures: 7 }), count, { seed: 0 })).toThrow(
      new RangeError(message),
    );
  });
});
