import * as tf from '@tensorflow/tfjs-core';

/**
 * The same value, through which the gradient passes times a factor: below 0 it is reversed. @param
 * factor Not differentiated.
 */
export function scaledGradient<T extends tf.Tensor>(x: T, factor: number | tf.Scalar): T {
  const pass = tf.customGrad((...args) => ({
    value: tf.clone(args[0] as tf.Tensor),
    gradFunc: (dy: tf.Tensor) => tf.mul(dy, factor),
  }));
  return pass(x) as T;
}
