import { ensure, type LossInputs } from '@kd/core';
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
 * Returns 1 for an image with a label and 0 for one without, float32 [batch].
 * @param labels int32 [batch], −1: no label; or targets [batch, classes], a row of zeros: no label.
 */
export function isLabelled(labels: tf.Tensor1D | tf.Tensor2D): tf.Tensor1D {
  return tf.tidy(() => {
    const known = labels.rank === 2 ? tf.greater(tf.sum(labels, 1), 0) : tf.greaterEqual(labels, 0);
    return tf.cast(known, 'float32') as tf.Tensor1D;
  });
}

/**
 * Returns Σ losses / Σ weights over the whole batch, of which these images may be a shard: then the
 * value of the shard, whose mean over the images of all shards it is. 0 without any weight.
 *
 * It is the plain mean, divided by the mean weight: by exactly 1 where every image has a label, so
 * that the value is then the plain mean to the last bit.
 * @param losses [batch], 0 for an image without a label. @param weights [batch], ≥ 0.
 * @param sumOverShards `LossInputs.sumOverShards`.
 */
export function meanOverLabelled(
  losses: tf.Tensor1D,
  weights: tf.Tensor1D,
  sumOverShards: LossInputs['sumOverShards'],
): tf.Scalar {
  return tf.tidy(() => {
    const own = tf.stack([tf.sum(weights), tf.scalar(losses.size)]) as tf.Tensor1D;
    const [weight, images] = tf.unstack(sumOverShards?.(own) ?? own) as [tf.Scalar, tf.Scalar];
    const isNone = tf.cast(tf.equal(weight, 0), 'float32');
    return tf.div<tf.Scalar>(tf.mean(losses), tf.add(tf.div(weight, images), isNone));
  });
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
