import * as tf from '@tensorflow/tfjs-core';

/**
 * −Σ_c q_c · log p_c, p = softmax(logits). @param targets q, [batch, classes]. @returns [batch],
 * nats.
 */
export function softCrossEntropy(logits: tf.Tensor2D, targets: tf.Tensor2D): tf.Tensor1D {
  return tf.tidy(() => tf.neg(tf.sum(tf.mul(targets, tf.logSoftmax(logits)), 1)));
}
