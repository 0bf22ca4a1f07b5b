import type { LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertLabels, assertTemperature } from '../shared/checks.ts';
import { divergence } from '../shared/klDivergence.ts';
import { noGrad } from '../shared/math.ts';

/** T > 0; 4. */
export interface CsKdOptions {
  readonly temperature?: number;
}

/**
 * Class-wise self-distillation (CS-KD): the student's prediction for an image is matched to its
 * prediction for another image of the same class.
 *
 * T² · KL(softmax(other / T) ‖ softmax(student / T)). The other image is the next one of the same
 * class in the batch, wrapping around; its prediction is not differentiated. The loss is 0 if the
 * class has no other image. The paper draws a partner for every image and forwards it beside the
 * batch: that is `softTargets` with the partner's logits as the teacher's. Here the partners come
 * from the batch itself, so that nothing is forwarded twice.
 * @param logits [batch, classes], before softmax.
 * @param labels int32 [batch].
 * @returns [batch], nats, ≥ 0.
 * @throws RangeError for shapes that do not match and for a temperature ≤ 0.
 * Source: Yun, Park, Lee, Shin, "Regularizing class-wise predictions via self-knowledge
 * distillation" (CVPR 2020); alinlab/cs-kd.
 * See also `softTargets`, `psKd`.
 */
export function csKdPerExample(
  logits: tf.Tensor2D,
  labels: tf.Tensor1D,
  { temperature = 4 }: CsKdOptions = {},
): tf.Tensor1D {
  assertTemperature('csKd', temperature);
  assertLabels('csKd', logits, labels);
  return tf.tidy(() => {
    const partners = noGrad(() => tf.gather(logits, findPartners(labels)));
    return tf.mul(divergence('csKd', logits, partners, temperature), temperature ** 2);
  });
}

/**
 * CS-KD, mean over the batch; beside `crossEntropy()`, with weight 1 (3 for fine-grained classes).
 * It needs no teacher, but batches in which classes occur more than once.
 */
export function csKd(options: CsKdOptions = {}): LossTerm {
  assertTemperature('csKd', options.temperature ?? 4);
  const term: LossTerm = ({ student, labels }) =>
    tf.tidy(() => tf.mean(csKdPerExample(student.logits, labels, options)) as tf.Scalar);
  return Object.assign(term, { needsLabels: true });
}

/**
 * Returns for every row the index of the next one with the same label, wrapping around; its own
 * where there is no other. int32 [batch].
 */
function findPartners(labels: tf.Tensor1D): tf.Tensor1D {
  const batch = labels.shape[0];
  const rows = tf.range(0, batch, 1, 'float32');
  const ahead = tf.sub(tf.expandDims(rows, 0), tf.expandDims(rows, 1));
  // The distance is 1 … batch; the nearest row wins, and only rows of the same class count.
  const steps = tf.add(ahead, tf.mul(batch, tf.cast(tf.lessEqual(ahead, 0), 'float32')));
  const isSame = tf.equal(tf.expandDims(labels, 0), tf.expandDims(labels, 1));
  return tf.argMin(tf.where(isSame, steps, tf.fill([batch, batch], batch + 1)), 1);
}
