import { expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { foldIn, randomUniform } from '../src/index.ts';

const seedOf = (first: number, second: number) => tf.tensor1d([first, second], 'int32');

/** Of a tensor that is given up. */
function valuesOf(tensor: tf.Tensor): number[] {
  const values = Array.from(tensor.dataSync());
  tensor.dispose();
  return values;
}

onEveryEngine(() => {
  test('gives the numbers of TensorFlow’s StatelessRandomUniform, on every engine to the last bit', () => {
    const drawn = (first: number, second: number) =>
      valuesOf(tf.tidy(() => randomUniform([5], seedOf(first, second))));
    expect(drawn(1, 2)).toStrictEqual([
      0.8440604209899902, 0.19204533100128174, 0.9962232112884521, 0.16038739681243896,
      0.27199018001556396,
    ]);
    expect(drawn(-7, 2 ** 31 - 1)).toStrictEqual([
      0.2280879020690918, 0.9830089807510376, 0.4583139419555664, 0.6763421297073364,
      0.09669220447540283,
    ]);
  });

  test('and so they are where there are many, which an engine draws in pieces', () => {
    const values = valuesOf(
      tf.tidy(() => randomUniform([307, 311], seedOf(123456789, -987654321))),
    );
    expect(values.reduce((hash, value) => (Math.imul(hash, 31) + value * 2 ** 23) | 0, 0)).toBe(
      1619743330,
    );
  });

  test('has the same beginning in every shape, and other numbers for every seed', () => {
    const drawn = (shape: number[], first: number, second: number) =>
      valuesOf(tf.tidy(() => randomUniform(shape, seedOf(first, second))));
    const long = drawn([30, 7], 3, 4);
    expect(drawn([7], 3, 4)).toEqual(long.slice(0, 7));
    expect(drawn([], 3, 4)).toEqual(long.slice(0, 1));
    expect(drawn([0, 2], 3, 4)).toEqual([]);
    expect(
      new Set([long, drawn([210], 4, 3), drawn([210], 3, 5), drawn([210], -3, 4)].flat()).size,
    ).toBeGreaterThan(830);
  });

  test('is uniform in [0, 1)', () => {
    const count = 40_000;
    const values = valuesOf(tf.tidy(() => randomUniform([count], seedOf(11, -3))));
    const mean = values.reduce((sum, value) => sum + value, 0) / count;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    // Four standard errors: 4 · √(1/12) / √count and 4 · √(1/180) / √count.
    expect(Math.abs(mean - 1 / 2)).toBeLessThan(0.0058);
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.0015);
  });

  test('foldIn gives a seed for each name, with wrap-round, and nothing is left behind', async () => {
    await expectNoNewTensors(() => {
      const folded = (first: number, name: string) =>
        valuesOf(tf.tidy(() => foldIn(seedOf(first, 5), name)));
      // FNV-1a of "a" and "" are 0xe40c292c and 0x811c9dc5.
      expect(folded(0, 'a')).toEqual([0xe40c292c | 0, 5]);
      expect(folded(-(2 ** 31), '')).toEqual([0x011c9dc5, 5]);
      const seed = seedOf(1, 2);
      randomUniform([3], seed).dispose();
      seed.dispose();
    });
  });

  test('refuses seeds of another shape or type', () => {
    tf.tidy(() => {
      expect(() => randomUniform([2], tf.tensor1d([1], 'int32'))).toThrow(
        'randomUniform: expected a seed of shape [2], got [1].',
      );
      expect(() => foldIn(tf.tensor1d([1, 2]), 'a')).toThrow(
        'foldIn: expected a seed of type int32, got float32.',
      );
    });
  });
});
