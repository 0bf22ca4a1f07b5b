import * as tf from '@tensorflow/tfjs-core';

/** A length up to this counts as 0, as in PyTorch's `normalize`. */
const nothing = 1e-12;

/**
 * Vectors along an axis at length 1. Those that are 0 stay 0 with the gradient 0: they have no
 * direction to turn.
 *
 * y = x / ‖x‖, and the gradient is what of it is across y, over ‖x‖: (dy − y·(y·dy)) / ‖x‖.
 */
export function l2Normalize<T extends tf.Tensor>(x: T, axis = -1): T {
  const run = tf.customGrad((...args) => {
    const [x, save] = args as [tf.Tensor, tf.GradSaveFunc];
    const squares = tf.sum(tf.square(x), axis, true);
    const known = tf.greater(squares, nothing ** 2);
    const inverse = tf.div(
      tf.cast(known, 'float32'),
      tf.sqrt(tf.where(known, squares, tf.onesLike(squares))),
    );
    const value = tf.mul(x, inverse);
    save([value, inverse]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor => {
      const [value, inverse] = saved as [tf.Tensor, tf.Tensor];
      return tf.mul(tf.sub(dy, tf.mul(value, tf.sum(tf.mul(dy, value), axis, true))), inverse);
    };
    return { value, gradFunc };
  });
  return run(x) as T;
}
