import { expectClose, numericalGradient, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { adaptiveAveragePool, resizeNearest } from '../src/shared/geometry.ts';
import { maps } from './features/steps.ts';

onEveryEngine(() => {
  test('bins cover the maps exactly, as those of PyTorch’s adaptive_avg_pool2d', () =>
    tf.tidy(() => {
      const row = tf.tensor4d([1, 2, 3, 4, 5, 6, 7], [1, 1, 7, 1]);
      // 7 to 4: from 0 to 2, 1 to 4, 3 to 6, 5 to 7.
      expectClose(adaptiveAveragePool(row, [1, 4]).dataSync(), [1.5, 3, 5, 6.5], 1e-6);
      expectClose(adaptiveAveragePool(row, [1, 1]).dataSync(), [4], 1e-6);
      expectClose(
        adaptiveAveragePool(tf.tensor4d([1, 3, 5, 7], [1, 4, 1, 1]), [2, 1]).dataSync(),
        [2, 6],
        1e-6,
      );
      expect(adaptiveAveragePool(row, [1, 7])).toBe(row);
    }));

  test('the nearest pixel is ⌊i · n / m⌋, as in PyTorch', () =>
    tf.tidy(() => {
      const row = tf.tensor4d([1, 2, 3], [1, 1, 3, 1]);
      expectClose(resizeNearest(row, [1, 6]).dataSync(), [1, 1, 2, 2, 3, 3], 0);
      expectClose(resizeNearest(row, [1, 5]).dataSync(), [1, 1, 2, 2, 3], 0);
      expectClose(resizeNearest(row, [2, 2]).dataSync(), [1, 2, 1, 2], 0);
    }));

  test('their gradients are those of finite differences', () =>
    tf.tidy(() => {
      const x = maps('x', [2, 4, 3, 2]);
      for (const resize of [adaptiveAveragePool, resizeNearest]) {
        for (const size of [
          [2, 2],
          [3, 1],
          [8, 3],
        ] as const) {
          const loss = (x: tf.Tensor) =>
            tf.sum(tf.square(resize(x as tf.Tensor4D, size))) as tf.Scalar;
          expectClose(tf.grad(loss)(x).dataSync(), numericalGradient(loss, x), 2e-3);
        }
      }
    }));
});
