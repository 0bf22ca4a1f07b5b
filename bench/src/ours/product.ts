import { compile } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import type { StepOptions } from '../protocol.ts';
import type { Prepared } from './prepare.ts';

/**
 * The product of two square matrices: how much arithmetic the machine does at most. @returns The
 * step; it gives the product's first number.
 */
export function product({ size }: StepOptions): Prepared {
  const [left, right] = tf.tidy(() =>
    [tf.sin(tf.range(0, size ** 2)), tf.cos(tf.range(0, size ** 2))].map((row) =>
      tf.reshape(row, [size, size]),
    ),
  ) as [tf.Tensor2D, tf.Tensor2D];
  const multiply = compile((left: tf.Tensor2D, right: tf.Tensor2D) =>
    tf.tidy(() => tf.slice(tf.matMul(left, right), [0, 0], [1, 1])),
  );
  return {
    flops: 2 * size ** 3,
    async run() {
      const corner = multiply(left, right);
      const [value] = await corner.data();
      corner.dispose();
      return value as number;
    },
  };
}
