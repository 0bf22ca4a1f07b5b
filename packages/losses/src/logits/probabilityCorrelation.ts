import type { LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertSameLogits, assertTemperature, requireTeacher } from '../shared/checks.ts';
import { stopGradient } from '../shared/math.ts';

/** T > 0; 4. */
export interface CorrelationOptions {
  readonly temperature?: number;
}

/**
 * Correlations between classes: the products of the columns of the probabilities, the student's
 * against the teacher's.
 *
 * ‖P_Tᵀ P_T − P_Sᵀ P_S‖²_F / C, P = softmax(logits / T), [batch, classes].
 * @param studentLogits [batch, classes], before softmax.
 * @param teacherLogits [batch, classes], before softmax. Not differentiated.
 * @returns One number for the batch, ≥ 0. It grows with the square of the batch: the products are
 * sums, not means, as in the published code.
 * @throws RangeError for shapes that differ and for a temperature ≤ 0.
 * Source: Jin, Wang, Lin, "Multi-level logit distillation" (CVPR 2023); `cc_loss` of its code.
 * See also `batchCorrelation`, `mlkd`, `dist`.
 */
export function classCorrelationBatchwise(
  studentLogits: tf.Tensor2D,
  teacherLogits: tf.Tensor2D,
  { temperature = 4 }: CorrelationOptions = {},
): tf.Scalar {
  return compareProducts(
    'classCorrelation',
    studentLogits,
    teacherLogits,
    temperature,
    (p) => tf.matMul(p, p, true, false),
    1,
  );
}

/**
 * Correlations between examples: the products of the rows of the probabilities, the student's
 * against the teacher's.
 *
 * ‖P_T P_Tᵀ − P_S P_Sᵀ‖²_F / batch, P = softmax(logits / T), [batch, classes].
 * @param studentLogits [batch, classes], before softmax.
 * @param teacherLogits [batch, classes], before softmax. Not differentiated.
 * @returns One number for the batch, ≥ 0.
 * @throws RangeError for shapes that differ and for a temperature ≤ 0.
 * Source: Jin, Wang, Lin, "Multi-level logit distillation" (CVPR 2023); `bc_loss` of its code.
 * See also `classCorrelation`, `mlkd`, `similarityPreserving`.
 */
export function batchCorrelationBatchwise(
  studentLogits: tf.Tensor2D,
  teacherLogits: tf.Tensor2D,
  { temperature = 4 }: CorrelationOptions = {},
): tf.Scalar {
  return compareProducts(
    'batchCorrelation',
    studentLogits,
    teacherLogits,
    temperature,
    (p) => tf.matMul(p, p, false, true),
    0,
  );
}

/** Class correlation of the batch. */
export function classCorrelation(options: CorrelationOptions = {}): LossTerm {
  return correlationTerm('classCorrelation', classCorrelationBatchwise, options);
}

/** Batch correlation of the batch. */
export function batchCorrelation(options: CorrelationOptions = {}): LossTerm {
  return correlationTerm('batchCorrelation', batchCorrelationBatchwise, options);
}

function correlationTerm(
  caller: string,
  loss: typeof classCorrelationBatchwise,
  options: CorrelationOptions,
): LossTerm {
  assertTemperature(caller, options.temperature ?? 4);
  const term: LossTerm = (step) =>
    loss(step.student.logits, requireTeacher(caller, step).logits, options);
  return Object.assign(term, { needsTeacher: true });
}

function compareProducts(
  caller: string,
  studentLogits: tf.Tensor2D,
  teacherLogits: tf.Tensor2D,
  temperature: number,
  products: (probabilities: tf.Tensor2D) => tf.Tensor2D,
  axis: 0 | 1,
): tf.Scalar {
  assertTemperature(caller, temperature);
  assertSameLogits(caller, studentLogits, teacherLogits);
  return tf.tidy(() => {
    const student = products(tf.softmax(tf.div<tf.Tensor2D>(studentLogits, temperature)));
    const teacher = products(
      tf.softmax(tf.div<tf.Tensor2D>(stopGradient(teacherLogits), temperature)),
    );
    return tf.div<tf.Scalar>(
      tf.sum(tf.square(tf.sub(teacher, student))),
      studentLogits.shape[axis],
    );
  });
}
