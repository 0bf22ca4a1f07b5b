import * as tf from '@tensorflow/tfjs-core';

/**
 * log(1 + eˣ) to float32's precision for every x, also where it is small, which a sum over
 * thousands needs.
 */
export function softplus<T extends tf.Tensor>(x: T): T {
  const run = tf.customGrad((...args) => {
    const [x, save] = args as [tf.Tensor, tf.GradSaveFunc];
    save([x]);
    const value = tf.add(tf.relu(x), tf.log1p(tf.exp(tf.neg(tf.abs(x)))));
    return {
      value,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        tf.mul(dy, tf.sigmoid(saved[0] as tf.Tensor)),
    };
  });
  return run(x) as T;
}
