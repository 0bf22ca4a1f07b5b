import { ensure } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertLabels } from './checks.ts';

/**
 * Returns 1 at the label and 0 elsewhere, float32 [batch, classes]. It is cast from int32: the wasm
 * engine's OneHot writes integers even if float32 is requested.
 */
export function labelMask(labels: tf.Tensor1D, classes: number): tf.Tensor2D {
  return tf.tidy(() => tf.cast(tf.oneHot(labels, classes), 'float32') as tf.Tensor2D);
}

/**
 * Returns the value at the label.
 * @param values Finite, [batch, classes].
 * @returns [batch].
 */
export function atLabel(values: tf.Tensor2D, labels: tf.Tensor1D): tf.Tensor1D {
  return tf.tidy(() => tf.sum(tf.mul(values, labelMask(labels, values.shape[1])), 1));
}

/**
 * Returns the values of all classes but the label's, in their order. The column is removed, not
 * filled with a large negative number, which would not mask logits of that size.
 * @returns [batch, classes − 1].
 */
export function withoutLabel(values: tf.Tensor2D, labels: tf.Tensor1D): tf.Tensor2D {
  const [batch, classes] = values.shape;
  return tf.tidy(() => {
    const isBefore = tf.less(tf.range(0, classes - 1, 1, 'int32'), tf.expandDims(labels, 1));
    return tf.where(
      isBefore,
      tf.slice(values, [0, 0], [batch, classes - 1]),
      tf.slice(values, [0, 1], [batch, classes - 1]),
    );
  });
}

/** Checks that labels match the logits and that there is a class besides the label. */
export function assertOtherClasses(caller: string, logits: tf.Tensor2D, labels: tf.Tensor1D): void {
  assertLabels(caller, logits, labels);
  ensure(
    logits.shape[1] > 1,
    caller,
    'at least 2 classes',
    logits.shape[1],
    'it compares the classes that are not the label',
  );
}

/**
 * Cross entropy with a distribution: −Σ_c q_c · log p_c, p = softmax(logits).
 * @param targets q, [batch, classes].
 * @returns [batch], nats.
 */
export function softCrossEntropy(logits: tf.Tensor2D, targets: tf.Tensor2D): tf.Tensor1D {
  return tf.tidy(() => tf.neg(tf.sum(tf.mul(targets, tf.logSoftmax(logits)), 1)));
}
