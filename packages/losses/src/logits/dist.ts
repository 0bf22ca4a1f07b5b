import { ensure, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertSameLogits, assertTemperature, requireTeacher } from '../shared/checks.ts';
import { center, stopGradient, vectorNorm } from '../shared/math.ts';

/** Options of DIST, with the paper's values. */
export interface DistOptions {
  /** β, the weight of the correlations between classes, one for each example: 1. */
  readonly beta?: number;
  /** γ, the weight of the correlations between examples, one for each class: 1. */
  readonly gamma?: number;
  /** τ > 0: 1; 4 on CIFAR-100. */
  readonly temperature?: number;
}

/**
 * Pearson correlation in place of equality: the student's probabilities are correlated with the
 * teacher's, along every row and along every column of the batch.
 *
 * τ² · (β · (1 − mean_i ρ(p_S,i·, p_T,i·)) + γ · (1 − mean_c ρ(p_S,·c, p_T,·c))), p =
 * softmax(logits / τ),
 * ρ(a, b) = ⟨a − ā, b − b̄⟩ / (‖a − ā‖ · ‖b − b̄‖ + 1e-8), Pearson's correlation: 0 if either is
 * constant, with gradient 0 of a norm that is 0.
 * @param studentLogits [batch, classes], before softmax.
 * @param teacherLogits [batch, classes], before softmax. Not differentiated.
 * @returns One number for the batch, 0 … 2 τ² (β + γ); 0 if rows and columns are positively
 * affinely related.
 * @throws RangeError for shapes that differ, a temperature ≤ 0 and weights that are not finite.
 * Source: Huang, You, Wang, Qian, Xu, "Knowledge distillation from a stronger teacher" (NeurIPS
 * 2022); hunto/image_classification_sota, `DIST`.
 * See also `softTargets`, which asks for equal probabilities, and `batchCorrelation`.
 */
export function distBatchwise(
  studentLogits: tf.Tensor2D,
  teacherLogits: tf.Tensor2D,
  { beta = 1, gamma = 1, temperature = 1 }: DistOptions = {},
): tf.Scalar {
  assertOptions(beta, gamma, temperature);
  assertSameLogits('dist', studentLogits, teacherLogits);
  return tf.tidy(() => {
    const student = tf.softmax(tf.div<tf.Tensor2D>(studentLogits, temperature));
    const teacher = tf.softmax(tf.div<tf.Tensor2D>(stopGradient(teacherLogits), temperature));
    const interClass = tf.sub(1, tf.mean(correlation(student, teacher, 1)));
    const intraClass = tf.sub(1, tf.mean(correlation(student, teacher, 0)));
    return tf.mul(
      tf.add(tf.mul(interClass, beta), tf.mul(intraClass, gamma)),
      temperature ** 2,
    ) as tf.Scalar;
  });
}

/**
 * DIST of the batch; its authors' weight is 2: `weighted(2, dist())` beside `crossEntropy()`, with
 * `temperature: 4` on CIFAR-100.
 */
export function dist(options: DistOptions = {}): LossTerm {
  assertOptions(options.beta ?? 1, options.gamma ?? 1, options.temperature ?? 1);
  const term: LossTerm = (step) =>
    distBatchwise(step.student.logits, requireTeacher('dist', step).logits, options);
  return Object.assign(term, { needsTeacher: true });
}

function correlation(a: tf.Tensor2D, b: tf.Tensor2D, axis: number): tf.Tensor {
  const [left, right] = [center(a, axis), center(b, axis)];
  const norms = tf.mul(vectorNorm(left, axis), vectorNorm(right, axis));
  return tf.div(tf.sum(tf.mul(left, right), axis), tf.add(norms, 1e-8));
}

function assertOptions(beta: number, gamma: number, temperature: number): void {
  assertTemperature('dist', temperature);
  ensure(Number.isFinite(beta) && Number.isFinite(gamma), 'dist', 'finite beta and gamma', [
    beta,
    gamma,
  ]);
}
