import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { projector } from '../../src/index.ts';
import { maps, noise } from './steps.ts';

onEveryEngine(() => {
  test('a 1×1 convolution is the same product at every place, of rows too', () =>
    tf.tidy(() => {
      const { weights, apply } = projector([{ from: 2, to: 3, bias: true, relu: true }]);
      const [kernel, bias] = Object.values(weights) as [tf.Variable, tf.Variable];
      kernel.assign(tf.tensor2d([1, 0, 2, 0, 1, -3], [2, 3]));
      bias.assign(tf.tensor1d([0, 1, 0]));
      expectClose(
        apply(tf.tensor4d([1, 2, 3, 4], [1, 1, 2, 2])).dataSync(),
        [1, 3, 0, 3, 5, 0],
        1e-6,
      );
      expectClose(apply(tf.tensor2d([1, 2, 3, 4], [2, 2])).dataSync(), [1, 3, 0, 3, 5, 0], 1e-6);
      tf.dispose([kernel, bias]);
    }));

  test('a 3×3 convolution keeps the size, with zeros around', () =>
    tf.tidy(() => {
      const { weights, apply } = projector([{ from: 1, to: 1, size: 3 }]);
      (weights['connector.0.kernel'] as tf.Variable).assign(tf.ones([3, 3, 1, 1]));
      expectClose(
        apply(tf.tensor4d([1, 2, 3, 4, 5, 6], [1, 2, 3, 1])).dataSync(),
        [12, 21, 16, 12, 21, 16],
        1e-6,
      );
      tf.dispose(Object.values(weights));
    }));

  test('batch norm takes the statistics of the batch', () =>
    tf.tidy(() => {
      const { weights, apply } = projector([{ from: 1, to: 1, batchNorm: true }]);
      (weights['connector.0.kernel'] as tf.Variable).assign(tf.ones([1, 1]));
      (weights['connector.0.offset'] as tf.Variable).assign(tf.tensor1d([5]));
      expectClose(apply(tf.tensor2d([[1], [3]])).dataSync(), [4, 6], 1e-4);
      tf.dispose(Object.values(weights));
    }));

  test('its weights begin uniform in ±1/√inputs, by name and seed', () =>
    tf.tidy(() => {
      const layers = [
        { from: 40, to: 50 },
        { from: 50, to: 2, size: 3, bias: true },
      ];
      const made = [
        projector(layers),
        projector(layers),
        projector(layers, { seed: 1 }),
        projector(layers, { name: 'other' }),
      ];
      const [first, again, seeded, named] = made.map(({ weights }) =>
        Array.from(Object.values(weights)[0]?.dataSync() ?? []),
      );
      expect(again).toEqual(first);
      expect(seeded).not.toEqual(first);
      expect(named).not.toEqual(first);
      expect(Math.max(...(first ?? []).map(Math.abs))).toBeLessThanOrEqual(1 / Math.sqrt(40));
      expect(Math.max(...(first ?? []).map(Math.abs))).toBeGreaterThan(0.95 / Math.sqrt(40));
      expect(Object.keys(made[3]?.weights ?? {})).toEqual([
        'other.0.kernel',
        'other.1.kernel',
        'other.1.bias',
      ]);
      tf.dispose(made.flatMap(({ weights }) => Object.values(weights)));
    }));

  test('it leaves no tensor but its result', async () => {
    const x = maps('x', [2, 3, 3, 2]);
    const { weights, apply } = projector([
      { from: 2, to: 3, batchNorm: true, relu: true },
      { from: 3, to: 1, size: 3, bias: true },
    ]);
    await expectNoNewTensors(() => apply(x).dispose());
    tf.dispose([x, ...Object.values(weights)]);
  });

  test('layers that do not fit and features of other channels are named', () =>
    tf.tidy(() => {
      expect(() => projector([])).toThrow('connector: expected one layer or more, got none.');
      expect(() => projector([{ from: 2, to: 3, size: 2 }])).toThrow(
        'connector: expected from and to ≥ 1 and an odd size, got [2, 3, 2].',
      );
      const gap = [
        { from: 2, to: 3 },
        { from: 4, to: 1 },
      ];
      expect(() => projector(gap)).toThrow(
        'connector: expected layer 1 to take the 3 channels of the one before, got 4.',
      );
      const { weights, apply } = projector([{ from: 2, to: 3 }]);
      expect(() => apply(noise<tf.Rank.R2>('x', [2, 5]))).toThrow(
        'connector.0: expected features of 2 channels, got [2, 5].',
      );
      tf.dispose(Object.values(weights));
    }));
});
