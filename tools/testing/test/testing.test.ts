import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { expectClose } from '../src/expectClose.ts';
import { numericalGradient } from '../src/gradients.ts';
import { expectNoNewTensors } from '../src/memory.ts';

describe('expectClose', () => {
  test('is relative to the largest expected number', () => {
    expectClose([100.0009, 1e-4], [100, 0], 1e-5);
    expect(() => expectClose([100.002, 0], [100, 0], 1e-5)).toThrow(
      'expectClose: expected 100 at index 0 of 2, got 100.002; the tolerance is 0.001.',
    );
  });
  test('0 means equal to the last bit', () => {
    expectClose(
      [0.1, Number.NaN, Number.POSITIVE_INFINITY],
      [0.1, Number.NaN, Number.POSITIVE_INFINITY],
      0,
    );
    expect(() => expectClose([0.1 + 2 ** -50], [0.1], 0)).toThrow('at index 0');
  });
  test('NaN is close to NaN only', () => {
    expect(() => expectClose([Number.NaN], [0], 1)).toThrow('got NaN');
    expect(() => expectClose([0], [Number.NaN], 1)).toThrow('got 0');
  });
  test('counts must agree', () => {
    expect(() => expectClose([1], [1, 2], 1)).toThrow('expectClose: expected 2 numbers, got 1.');
  });
});

test('numericalGradient agrees with calculus: d/dx sum(x³ / 3) = x²', async () => {
  const x = tf.tensor2d([0.5, -1, 2, 0.25], [2, 2]);
  expectClose(
    numericalGradient((at) => tf.sum(tf.div(tf.pow(at, 3), 3)), x),
    [0.25, 1, 4, 0.0625],
    1e-5,
  );
  await expectNoNewTensors(() => void numericalGradient((at) => tf.sum(at), x));
  x.dispose();
});

test('expectNoNewTensors counts what is left', async () => {
  const kept: tf.Tensor[] = [];
  await expect(
    expectNoNewTensors(() => void kept.push(tf.scalar(1), tf.scalar(2))),
  ).rejects.toThrow('got 2; free them');
  await expect(expectNoNewTensors(() => tf.dispose(kept))).rejects.toThrow('got 2 tensors fewer');
});
