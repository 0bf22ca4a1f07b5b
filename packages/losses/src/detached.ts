import * as tf from '@tensorflow/tfjs-core';

/**
 * The same values, through which no gradient passes: what a teacher says is a target, whatever its
 * logits were computed from.
 */
export function stopGradient<T extends tf.Tensor>(x: T): T {
  return tf.customGrad((values) => ({
    value: tf.clone(values as tf.Tensor),
    gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy),
  }))(x) as T;
}

/**
 * What `run` computes, through which no gradient passes, whatever it reads. Unlike `stopGradient`
 * it costs nothing on the way back. Comparisons need it: they have no gradient
 * in TensorFlow.js, and one between weights and a loss is an error.
 */
export function constant<T extends tf.Tensor>(run: () => T): T {
  // TF.js puts only the argument of a custom gradient on its tape, and nothing is differentiated to
  // this one.
  const zero = tf.scalar(0);
  return tf.customGrad(() => ({ value: run(), gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy) }))(
    zero,
  ) as T;
}
