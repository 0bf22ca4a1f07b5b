import * as tf from '@tensorflow/tfjs-core';

/** What holds of x, as a constant of the same shape: comparisons have no gradient in TensorFlow.js, and one between weights and a loss is an error. @param fact `(x) => tf.greater(x, 0)`. */
export function factOf<T extends tf.Tensor>(x: T, fact: (x: T) => tf.Tensor): T {
  return tf.customGrad((...args) => ({ value: fact(args[0] as T), gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy) }))(x) as T;
}
