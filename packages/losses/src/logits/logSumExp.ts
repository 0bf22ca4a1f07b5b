import * as tf from '@tensorflow/tfjs-core';

/**
 * log Σ_c exp(x_c) of every row. TensorFlow.js's own is differentiated through its maximum too,
 * whose gradient is 0 up to rounding and costs three passes:
 * here it is softmax(x), and nothing else. @param x [batch, classes]. @returns [batch].
 */
export function logSumExp(x: tf.Tensor2D): tf.Tensor1D {
  const run = tf.customGrad((...args) => {
    const [x, save] = args as [tf.Tensor, tf.GradSaveFunc];
    const value = tf.logSumExp(x, 1);
    save([x, value]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor => {
      const [x, value] = saved as [tf.Tensor, tf.Tensor];
      return tf.mul(tf.exp(tf.sub(x, tf.expandDims(value, 1))), tf.expandDims(dy, 1));
    };
    return { value, gradFunc };
  });
  return run(x) as tf.Tensor1D;
}
