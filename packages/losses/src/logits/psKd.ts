import { ensure, type LossTerm, type Schedule } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertLabels, assertSameLogits, requireTeacher } from '../shared/checks.ts';
import { labelMask, softCrossEntropy } from '../shared/labels.ts';
import { stopGradient } from '../shared/math.ts';
import { scheduledValue, schedulesOf } from '../shared/schedules.ts';

/**
 * Progressive self-distillation (PS-KD): cross entropy with labels softened by the student's own
 * prediction of the previous epoch.
 *
 * −Σ_c t_c · log p_c, t = (1 − α) · label + α · softmax(previous), p = softmax(student).
 * @param studentLogits [batch, classes], before softmax.
 * @param previousLogits [batch, classes], before softmax. Not differentiated.
 * @param labels int32 [batch].
 * @param options.alpha Weight of the previous prediction, 0–1: a number, or a scalar if it changes
 * from step to step.
 * @returns [batch], nats, ≥ 0.
 * @throws RangeError for shapes that do not match and for alpha outside [0, 1].
 * Source: Kim, Ji, Yoon, Hwang, "Self-knowledge distillation with progressive refinement of
 * targets" (ICCV 2021); lgcnsai/PS-KD-Pytorch.
 * See also `softTargets`, `crossEntropy` with `smoothing`.
 */
export function psKdPerExample(
  studentLogits: tf.Tensor2D,
  previousLogits: tf.Tensor2D,
  labels: tf.Tensor1D,
  { alpha }: { readonly alpha: number | tf.Scalar },
): tf.Tensor1D {
  if (typeof alpha === 'number') assertAlpha(alpha);
  assertSameLogits('psKd', studentLogits, previousLogits);
  assertLabels('psKd', studentLogits, labels);
  return tf.tidy(() => {
    const label = labelMask(labels, studentLogits.shape[1]);
    const previous = tf.softmax(stopGradient(previousLogits));
    return softCrossEntropy(
      studentLogits,
      tf.add<tf.Tensor2D>(label, tf.mul(tf.sub(previous, label), alpha)),
    );
  });
}

/**
 * PS-KD, mean over the batch, in place of cross entropy. The teacher of the step is the student of
 * the previous epoch: see `previousEpochTargets`.
 * @param options.alpha A number or a schedule; by default it grows with progress from 0 to the
 * paper's 0.8. `psKdAlpha` grows epoch by epoch.
 */
export function psKd({
  alpha = (progress) => 0.8 * progress,
}: {
  readonly alpha?: number | Schedule;
} = {}): LossTerm {
  if (typeof alpha === 'number') assertAlpha(alpha);
  const term: LossTerm = (step) =>
    tf.tidy(() => {
      const now = typeof alpha === 'number' ? alpha : scheduledValue('psKd', step, 'alpha');
      return tf.mean(
        psKdPerExample(step.student.logits, requireTeacher('psKd', step).logits, step.labels, {
          alpha: now,
        }),
      ) as tf.Scalar;
    });
  return Object.assign(term, {
    schedules: schedulesOf('alpha', alpha),
    needsTeacher: true,
    needsLabels: true,
  });
}

/**
 * The published code's schedule of α: α_T · (epoch + 1) / epochs, with epochs counted from 0.
 * @param options.last α_T; 0.8.
 */
export function psKdAlpha({
  epochs,
  last = 0.8,
}: {
  readonly epochs: number;
  readonly last?: number;
}): Schedule {
  ensure(
    Number.isInteger(epochs) && epochs >= 1,
    'psKdAlpha',
    'a whole number of epochs ≥ 1',
    epochs,
  );
  assertAlpha(last);
  // A step at progress 17 / 300 belongs to epoch 17, although the product may round down.
  return (progress) => (last * Math.min(Math.floor(progress * epochs + 1e-9) + 1, epochs)) / epochs;
}

function assertAlpha(alpha: number): void {
  ensure(alpha >= 0 && alpha <= 1, 'psKd', 'alpha in [0, 1]', alpha, '0.8 at the end is usual');
}
