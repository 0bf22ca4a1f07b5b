import * as tf from '@tensorflow/tfjs-core';

/**
 * The gradient of f at x by finite differences, to hold an analytic one against.
 *
 * f′(x) ≈ (8 (f(x + h) − f(x − h)) − (f(x + 2h) − f(x − 2h))) / 12h: error of order h⁴, and
 * rounding of order 1e-7 |f| / h.
 * Four evaluations of f for each element of x: keep x small, and away from kinks by more than 2h.
 * @param f Any tensor in, one number out.
 * @param step h; 0.02 leaves about five digits where f is near 1 and smooth.
 * @returns As many numbers as x has, in row-major order.
 */
export function numericalGradient(
  f: (x: tf.Tensor) => tf.Scalar,
  x: tf.Tensor,
  step = 0.02,
): Float32Array {
  const values = Float32Array.from(x.dataSync());
  return values.map((_, at) => {
    const near = valueAt(f, x, values, at, step) - valueAt(f, x, values, at, -step);
    const far = valueAt(f, x, values, at, 2 * step) - valueAt(f, x, values, at, -2 * step);
    return (8 * near - far) / (12 * step);
  });
}

function valueAt(
  f: (x: tf.Tensor) => tf.Scalar,
  x: tf.Tensor,
  values: Float32Array,
  at: number,
  shift: number,
): number {
  const moved = values.slice();
  moved[at] = (values[at] as number) + shift;
  const result = tf.tidy(() => f(tf.tensor(moved, x.shape, 'float32')));
  const value = result.dataSync()[0] as number;
  result.dispose();
  return value;
}
