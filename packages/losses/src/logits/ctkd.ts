import { cosine, ensure, type LossTerm, type Schedule } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { requireTeacher } from '../shared/checks.ts';
import { scaleGradient } from '../shared/math.ts';
import { scheduledValue, schedulesOf } from '../shared/schedules.ts';
import { softTargetsPerExample } from './softTargets.ts';

/** The range of the learned temperature, with the values of the published code. */
export interface TemperatureRange {
  /** T for a weight far below 0: 1. */
  readonly start?: number;
  /** Added to the start for a weight far above 0: 20. */
  readonly span?: number;
}

/** Options of curriculum temperature. */
export interface CtkdOptions extends TemperatureRange {
  /**
   * Factor of the gradient to the temperature, below 0 to make the task harder: a number or a
   * schedule, usually `gradientReversalSchedule({ over: 10 / 240 })`.
   */
  readonly reversal: number | Schedule;
  /** The initial weight: 1, so that T = 1 + 20 · σ(1) = 15.6. */
  readonly raw?: number;
}

/**
 * Soft targets with a temperature that is learned against the student: it moves to where the loss
 * is larger, increasingly so, which makes the task harder over time.
 *
 * T² · KL(softmax(teacher / T) ‖ softmax(student / T)), T = start + span · σ(raw). The gradient to
 * raw, also through T², is multiplied by the reversal λ; the gradient to the student's logits is
 * not.
 * @param studentLogits [batch, classes], before softmax.
 * @param teacherLogits [batch, classes], before softmax. Not differentiated, except with respect to
 * T.
 * @param raw One number.
 * @param options.reversal λ, a number, or a scalar if it changes from step to step.
 * @returns [batch], nats, ≥ 0.
 * @throws RangeError for shapes that differ, a start ≤ 0 and a span < 0.
 * Source: Li, Li, Yang, Zhao, Song, Luo, Li, Yang, "Curriculum temperature for knowledge
 * distillation" (AAAI 2023), its global temperature; zhengli97/CTKD.
 * See also `softTargets`, whose temperature may follow a schedule.
 */
export function ctkdPerExample(
  studentLogits: tf.Tensor2D,
  teacherLogits: tf.Tensor2D,
  raw: tf.Tensor,
  { reversal, start = 1, span = 20 }: TemperatureRange & { readonly reversal: number | tf.Scalar },
): tf.Tensor1D {
  assertRange(start, span);
  return tf.tidy(() => {
    const learned = scaleGradient(tf.reshape(raw, []) as tf.Scalar, reversal);
    const temperature = tf.add<tf.Scalar>(tf.mul(tf.sigmoid(learned), span), start);
    return softTargetsPerExample(studentLogits, teacherLogits, { temperature });
  });
}

/**
 * Curriculum temperature (CTKD), mean over the batch. Its weight `raw` is trained along with the
 * student, by the same optimizer.
 */
export function ctkd({ reversal, raw = 1, start = 1, span = 20 }: CtkdOptions): LossTerm {
  assertRange(start, span);
  ensure(Number.isFinite(raw), 'ctkd', 'a finite raw', raw);
  const learned = tf.tidy(() => tf.variable(tf.scalar(raw)));
  const term: LossTerm = (step) =>
    tf.tidy(() => {
      const now =
        typeof reversal === 'number' ? reversal : scheduledValue('ctkd', step, 'reversal');
      const { logits } = requireTeacher('ctkd', step);
      return tf.mean(
        ctkdPerExample(step.student.logits, logits, learned, { reversal: now, start, span }),
      ) as tf.Scalar;
    });
  return Object.assign(term, {
    schedules: schedulesOf('reversal', reversal),
    needsTeacher: true,
    weights: { raw: learned },
  });
}

/**
 * The published code's λ: half a cosine from 0 to −1, and −1 from then on.
 * @param options.over Share of the training over which it falls, 0 … 1: 10 of 240 epochs.
 * @param options.from 0.
 * @param options.to −1.
 */
export function gradientReversalSchedule({
  over,
  from = 0,
  to = -1,
}: {
  readonly over: number;
  readonly from?: number;
  readonly to?: number;
}): Schedule {
  ensure(
    over > 0 && over <= 1,
    'gradientReversalSchedule',
    'over, a share of the training > 0 and ≤ 1',
    over,
    '10 / 240 is usual',
  );
  const falling = cosine({ from, to });
  return (progress) => falling(Math.min(progress / over, 1));
}

function assertRange(start: number, span: number): void {
  const isRange = start > 0 && span >= 0 && start + span < Infinity;
  ensure(isRange, 'ctkd', 'start > 0 and span ≥ 0', [start, span], '1 and 20 are usual');
}
