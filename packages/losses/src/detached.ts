import * as tf from '@tensorflow/tfjs-core';

/** The same values, through which no gradient passes: what a teacher says is a target, whatever its logits were computed from. */
export function detached<T extends tf.Tensor>(x: T): T {
  return tf.customGrad((values) => ({ value: tf.clone(values as tf.Tensor), gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy) }))(x) as T;
}
