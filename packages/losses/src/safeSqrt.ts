import * as tf from '@tensorflow/tfjs-core';

/**
 * √x of x ≥ 0 with the gradient 0 at 0, where that of the root is infinite and would make NaN of
 * everything before it.
 */
export function safeSqrt<T extends tf.Tensor>(x: T): T {
  const run = tf.customGrad((...args) => {
    const [x, save] = args as [tf.Tensor, tf.GradSaveFunc];
    const root = tf.sqrt(x);
    save([root]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor => {
      const [root] = saved as [tf.Tensor];
      return tf.where(tf.greater(root, 0), tf.div(dy, tf.mul(root, 2)), tf.zerosLike(dy));
    };
    return { value: root, gradFunc };
  });
  return run(x) as T;
}
