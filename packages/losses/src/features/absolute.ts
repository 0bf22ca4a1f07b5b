import * as tf from '@tensorflow/tfjs-core';

/** |x| with the gradient 0 at 0, where that of `tf.abs` is −1. */
export function absolute<T extends tf.Tensor>(x: T): T {
  return tf.add(tf.relu(x), tf.relu(tf.neg(x))) as T;
}
