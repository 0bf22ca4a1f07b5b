import { ensure, type LossTerm, type Schedule } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertLabels, assertSameLogits, requireTeacher } from '../shared/checks.ts';
import { labelMask, softCrossEntropy } from '../shared/labels.ts';
import { stopGradient } from '../shared/math.ts';
import { scheduledValue, schedulesOf } from '../shared/schedules.ts';

/**
 * Progressive self-distillation: cross entropy with labels softened by what the student said of the
 * same picture an epoch ago.
 *
 * −Σ_c t_c · log p_c, t = (1 − α) · label + α · softmax(previous), p = softmax(student).
 * @param studentLogits [batch, classes], before softmax.
 * @param previousLogits [batch, classes], before softmax. Not differentiated.
 * @param labels int32 [batch].
 * @param options.alpha How far the past is believed, 0–1: a number, or a scalar where it changes
 * from step to step.
 * @returns [batch], nats, ≥ 0.
 * @throws RangeError on shapes that do not fit and on alpha outside [0, 1].
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
 * PS-KD, mean over the batch, in place of cross entropy. The step's teacher is the student of an
 * epoch ago.
 * @param options.alpha A number, or a schedule; by default it grows with progress from 0 to the
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
  return Object.assign(term, { schedules: schedulesOf('alpha', alpha), needsTeacher: true });
}

/**
 * α as the published code steps it: α_T · (epoch + 1) / epochs, the epoch counted from 0. @param
 * options.last α_T; 0.8.
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
  // A step at 17 / 300 of the training belongs to epoch 17, though the product may round down.
  return (progress) => (last * Math.min(Math.floor(progress * epochs + 1e-9) + 1, epochs)) / epochs;
}

function assertAlpha(alpha: number): void {
  ensure(alpha >= 0 && alpha <= 1, 'psKd', 'alpha in [0, 1]', alpha, '0.8 at the end is usual');
}
