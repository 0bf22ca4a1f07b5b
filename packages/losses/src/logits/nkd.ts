import { ensure, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertSameLogits, assertTemperature, requireTeacher } from '../shared/checks.ts';
import { assertOtherClasses, atLabel, softCrossEntropy, withoutLabel } from '../shared/labels.ts';
import { stopGradient } from '../shared/math.ts';

/**
 * Options of normalized knowledge distillation, with the values of its ImageNet experiments; for
 * CIFAR-100 its authors use gamma 3.5 and temperature 3.
 */
export interface NkdOptions {
  /** γ, the weight of the other classes: 1.5. */
  readonly gamma?: number;
  /** T > 0 of the other classes: 1. The label's part always has temperature 1. */
  readonly temperature?: number;
}

/**
 * Normalized knowledge distillation: the teacher's probability of the label as a soft label, and
 * its normalized distribution over the other classes.
 *
 * −p_T,label · log p_S,label − γ · T² · Σ_{c ≠ label} o_T,c · log o_S,c, p = softmax(logits), o =
 * softmax(logits / T) over the other classes.
 * This is a cross entropy, not a divergence: a student equal to its teacher has the teacher's
 * entropy as loss. It is added to the cross entropy with the label.
 * @param studentLogits [batch, classes], before softmax.
 * @param teacherLogits [batch, classes], before softmax. Not differentiated.
 * @param labels int32 [batch].
 * @returns [batch], nats, ≥ 0.
 * @throws RangeError for shapes that do not match, fewer than 2 classes, a temperature ≤ 0 and a
 * gamma that is not finite.
 * Source: Yang, Zeng, Li, Zhang, Yuan, Li, "From knowledge distillation to self-knowledge
 * distillation" (ICCV 2023); yzd-v/cls_KD, `NKDLoss`.
 * See also `dkd`, which compares divergences, and `uskd`, the same without a teacher.
 */
export function nkdPerExample(
  studentLogits: tf.Tensor2D,
  teacherLogits: tf.Tensor2D,
  labels: tf.Tensor1D,
  { gamma = 1.5, temperature = 1 }: NkdOptions = {},
): tf.Tensor1D {
  assertOptions(gamma, temperature);
  assertSameLogits('nkd', studentLogits, teacherLogits);
  assertOtherClasses('nkd', studentLogits, labels);
  return tf.tidy(() => {
    const teacher = stopGradient(teacherLogits);
    const target = tf.neg(
      tf.mul(atLabel(tf.softmax(teacher), labels), atLabel(tf.logSoftmax(studentLogits), labels)),
    );
    const others = (logits: tf.Tensor2D): tf.Tensor2D =>
      tf.div(withoutLabel(logits, labels), temperature);
    const nonTarget = softCrossEntropy(others(studentLogits), tf.softmax(others(teacher)));
    return tf.add(target, tf.mul(nonTarget, gamma * temperature ** 2));
  });
}

/** NKD, mean over the batch; weight 1 beside `crossEntropy()`. */
export function nkd(options: NkdOptions = {}): LossTerm {
  assertOptions(options.gamma ?? 1.5, options.temperature ?? 1);
  const term: LossTerm = (step) =>
    tf.tidy(
      () =>
        tf.mean(
          nkdPerExample(
            step.student.logits,
            requireTeacher('nkd', step).logits,
            step.labels,
            options,
          ),
        ) as tf.Scalar,
    );
  return Object.assign(term, { needsTeacher: true, needsLabels: true });
}

function assertOptions(gamma: number, temperature: number): void {
  assertTemperature('nkd', temperature);
  ensure(Number.isFinite(gamma), 'nkd', 'a finite gamma', gamma, '1.5 is usual');
}
