import { expectClose, numericalGradient } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';

/**
 * Throws unless a gradient is that of finite differences: element by element, and on TensorFlow.js's
 * own cpu backend, which takes many times as long, along the gradient and along a random direction,
 * unless `KD_EVERY_ELEMENT` is set (`npm run test:slow`).
 * @param step Small where there are kinks.
 */
export function expectNumericalGradient(
  loss: (x: tf.Tensor) => tf.Scalar,
  x: tf.Tensor,
  gradient: ArrayLike<number>,
  relative: number,
  step = 0.02,
): void {
  if (everyElement()) {
    expectClose(gradient, numericalGradient(loss, x, step), relative);
    return;
  }
  const random = Array.from(gradient, (_, n) => Math.sin(12.9898 * n + 78.233));
  const directions = [Array.from(gradient), random].map(unit);
  const slopes = directions.map((direction) => {
    const along = tf.tensor(direction, x.shape);
    return (
      numericalGradient((t) => loss(tf.add(x, tf.mul(along, t))), tf.zeros([1]), step / 4)[0] ?? 0
    );
  });
  const expected = directions.map((direction) =>
    direction.reduce((sum, value, n) => sum + value * (gradient[n] as number), 0),
  );
  expectClose(expected, slopes, relative);
}

/** False on the cpu backend, except in the slow tests. */
export function everyElement(): boolean {
  return tf.getBackend() !== 'cpu' || process.env.KD_EVERY_ELEMENT === '1';
}

function unit(values: readonly number[]): number[] {
  const length = Math.hypot(...values);
  return values.map((value) => (length > 0 ? value / length : 0));
}
