import { ensure, expectedError, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertLabels } from '../shared/checks.ts';
import { labelMask } from '../shared/labels.ts';

/** Options of the label smoothing. */
export interface CrossEntropyOptions {
  /** Share ε of the probability that is taken from the label, 0 ≤ ε < 1; 0. */
  readonly smoothing?: number;
  /**
   * The classes that the share is spread over: ε/classes to all, the label included (PyTorch, the
   * default), or ε/(classes − 1) to each of the others (Tf-KD). The second with ε equals the first
   * with ε·classes/(classes − 1).
   */
  readonly spread?: 'all classes' | 'other classes';
}

/**
 * Cross entropy with the labels, optionally smoothed.
 *
 * −Σ_c q_c · log p_c, p = softmax(logits), q_c = 1 − ε + ε/C at the label and ε/C elsewhere.
 * @param logits [batch, classes], before softmax; finite in value and gradient up to |logit| = 1e3
 * and beyond.
 * @param labels int32 [batch], 0 ≤ label < classes. The data package checks the range; a label
 * outside of it counts as no class.
 * @returns [batch], nats, ≥ 0.
 * @throws RangeError for shapes that do not match and for smoothing outside [0, 1).
 */
export function crossEntropyPerExample(
  logits: tf.Tensor2D,
  labels: tf.Tensor1D,
  options: CrossEntropyOptions = {},
): tf.Tensor1D {
  assertLabels('crossEntropy', logits, labels);
  const classes = logits.shape[1];
  const { onLabel, elsewhere } = smoothTargets(options, classes);
  return tf.tidy(() => {
    const isLabel = labelMask(labels, classes);
    const targets =
      elsewhere === 0 ? isLabel : tf.add(tf.mul(isLabel, onLabel - elsewhere), elsewhere);
    return tf.neg(tf.sum(tf.mul(targets, tf.logSoftmax(logits)), 1));
  });
}

/** Cross entropy with the labels, mean over the batch. */
export function crossEntropy(options: CrossEntropyOptions = {}): LossTerm {
  assertSmoothing(options.smoothing ?? 0);
  return ({ student, labels }) =>
    tf.tidy(() => tf.mean(crossEntropyPerExample(student.logits, labels, options)) as tf.Scalar);
}

function smoothTargets(
  { smoothing = 0, spread = 'all classes' }: CrossEntropyOptions,
  classes: number,
): { onLabel: number; elsewhere: number } {
  assertSmoothing(smoothing);
  switch (spread) {
    case 'all classes':
      return { onLabel: 1 - smoothing + smoothing / classes, elsewhere: smoothing / classes };
    case 'other classes':
      ensure(
        classes > 1,
        'crossEntropy',
        "at least 2 classes with spread 'other classes'",
        classes,
      );
      return { onLabel: 1 - smoothing, elsewhere: smoothing / (classes - 1) };
    default:
      throw expectedError(
        'crossEntropy',
        "spread 'all classes' or 'other classes'",
        spread satisfies never,
      );
  }
}

function assertSmoothing(smoothing: number): void {
  ensure(
    smoothing >= 0 && smoothing < 1,
    'crossEntropy',
    'smoothing in [0, 1)',
    smoothing,
    '0.1 is usual',
  );
}
