import { ensure, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertSameLogits, assertTemperature, requireTeacher } from '../shared/checks.ts';
import { divergence } from '../shared/klDivergence.ts';
import { assertOtherClasses, atLabel, withoutLabel } from '../shared/labels.ts';
import { logSumExp, stopGradient } from '../shared/math.ts';

/** Options of decoupled knowledge distillation, with the values of its CIFAR-100 experiments. */
export interface DkdOptions {
  /** α, the weight of the target class against all others (TCKD): 1. */
  readonly alpha?: number;
  /**
   * β, the weight of the other classes among themselves (NCKD): 8; on CIFAR-100 mdistiller has 2
   * for ResNet-56 to ResNet-20 and 8 for ResNet-32×4 to 8×4, on ImageNet 0.5.
   */
  readonly beta?: number;
  /** T > 0: 4. */
  readonly temperature?: number;
}

/** The two parts of the divergence, each [batch], nats, without T². */
export interface DecoupledDivergence {
  /** TCKD: KL of (p_label, 1 − p_label). */
  readonly label: tf.Tensor1D;
  /** NCKD: KL of the distributions over the other classes. */
  readonly others: tf.Tensor1D;
}

/**
 * The divergence of student from teacher, decomposed: `klDivergencePerExample` = label + (1 −
 * p_T,label) · others.
 *
 * The label's column is removed, which masks it exactly for logits of any size; the other classes
 * together have the logit logSumExp of theirs.
 * @param studentLogits [batch, classes], before softmax.
 * @param teacherLogits [batch, classes], before softmax. Not differentiated.
 * @param labels int32 [batch].
 * @param options.temperature T > 0.
 * @throws RangeError for shapes that do not match, fewer than 2 classes and a temperature ≤ 0.
 */
export function decoupledDivergence(
  studentLogits: tf.Tensor2D,
  teacherLogits: tf.Tensor2D,
  labels: tf.Tensor1D,
  { temperature }: { readonly temperature: number },
): DecoupledDivergence {
  assertTemperature('dkd', temperature);
  assertSameLogits('dkd', studentLogits, teacherLogits);
  assertOtherClasses('dkd', studentLogits, labels);
  return tf.tidy(() => {
    const student = separateLabel(studentLogits, labels, temperature);
    const teacher = separateLabel(stopGradient(teacherLogits), labels, temperature);
    return {
      label: divergence('dkd', student.pair, teacher.pair, 1),
      others: divergence('dkd', student.others, teacher.others, 1),
    };
  });
}

/**
 * Decoupled knowledge distillation: the teacher's distribution over the other classes counts
 * independently of its confidence in the label.
 *
 * T² · (α · KL(b_T ‖ b_S) + β · KL(o_T ‖ o_S)), b = (p_label, 1 − p_label), o = softmax over the
 * other classes, p and o at temperature T.
 * @param studentLogits [batch, classes], before softmax.
 * @param teacherLogits [batch, classes], before softmax. Not differentiated.
 * @param labels int32 [batch].
 * @returns [batch], nats, ≥ 0.
 * @throws RangeError for shapes that do not match, fewer than 2 classes, a temperature ≤ 0 and
 * weights that are not finite.
 * Source: Zhao, Cui, Song, Qiu, Liang, "Decoupled knowledge distillation" (CVPR 2022); mdistiller,
 * `dkd_loss`.
 * See also `softTargets`, `nkd`, `wsld`.
 */
export function dkdPerExample(
  studentLogits: tf.Tensor2D,
  teacherLogits: tf.Tensor2D,
  labels: tf.Tensor1D,
  { alpha = 1, beta = 8, temperature = 4 }: DkdOptions = {},
): tf.Tensor1D {
  return tf.tidy(() => {
    const { label, others } = decoupledDivergence(studentLogits, teacherLogits, labels, {
      temperature,
    });
    return tf.mul(tf.add(tf.mul(label, alpha), tf.mul(others, beta)), temperature ** 2);
  });
}

/**
 * DKD, mean over the batch; usually warmed up over the first 20 epochs of 240:
 * `weighted(linearWarmup({ over: 20 / 240, into: constant(1) }), dkd())`.
 */
export function dkd(options: DkdOptions = {}): LossTerm {
  const { alpha = 1, beta = 8, temperature = 4 } = options;
  assertTemperature('dkd', temperature);
  ensure(Number.isFinite(alpha) && Number.isFinite(beta), 'dkd', 'finite alpha and beta', [
    alpha,
    beta,
  ]);
  const term: LossTerm = (step) =>
    tf.tidy(
      () =>
        tf.mean(
          dkdPerExample(
            step.student.logits,
            requireTeacher('dkd', step).logits,
            step.labels,
            options,
          ),
        ) as tf.Scalar,
    );
  return Object.assign(term, { needsTeacher: true, needsLabels: true });
}

/**
 * Returns the scaled logits of the other classes, and a pair of logits: the label's, and that of
 * all others together.
 */
function separateLabel(
  logits: tf.Tensor2D,
  labels: tf.Tensor1D,
  temperature: number,
): { pair: tf.Tensor2D; others: tf.Tensor2D } {
  const scaled = tf.div<tf.Tensor2D>(logits, temperature);
  const others = withoutLabel(scaled, labels);
  return { pair: tf.stack([atLabel(scaled, labels), logSumExp(others)], 1) as tf.Tensor2D, others };
}
