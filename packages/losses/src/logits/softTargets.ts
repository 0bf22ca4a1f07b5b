import type { LossTerm, Schedule } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertTemperature, requireTeacher } from '../shared/checks.ts';
import { divergence } from '../shared/klDivergence.ts';
import { scheduledValue, schedulesOf } from '../shared/schedules.ts';

/**
 * Knowledge distillation as Hinton et al. define it: the divergence of the student's softened
 * prediction from the teacher's.
 *
 * T² · KL(softmax(teacher / T) ‖ softmax(student / T)), summed over classes. T² keeps gradients of
 * the same size at every temperature.
 * @param studentLogits [batch, classes], before softmax.
 * @param teacherLogits [batch, classes], before softmax. Not differentiated.
 * @param options.temperature T > 0: a number, or a scalar if it changes from step to step.
 * @returns [batch], nats, ≥ 0 (up to rounding).
 * @throws RangeError for shapes that differ and for a temperature ≤ 0.
 * Source: Hinton, Vinyals, Dean, "Distilling the knowledge in a neural network" (2015), section 2.
 */
export function softTargetsPerExample(
  studentLogits: tf.Tensor2D,
  teacherLogits: tf.Tensor2D,
  { temperature }: { readonly temperature: number | tf.Scalar },
): tf.Tensor1D {
  return tf.tidy(() =>
    tf.mul(
      divergence('softTargets', studentLogits, teacherLogits, temperature),
      squared(temperature),
    ),
  );
}

/**
 * Soft targets, mean over the batch.
 * @param options.temperature T > 0, a number or a schedule; 4.
 */
export function softTargets({
  temperature = 4,
}: {
  readonly temperature?: number | Schedule;
} = {}): LossTerm {
  if (typeof temperature === 'number') assertTemperature('softTargets', temperature);
  const term: LossTerm = (step) =>
    tf.tidy(() => {
      const now =
        typeof temperature === 'number'
          ? temperature
          : scheduledValue('softTargets', step, 'temperature');
      return tf.mean(
        softTargetsPerExample(step.student.logits, requireTeacher('softTargets', step).logits, {
          temperature: now,
        }),
      ) as tf.Scalar;
    });
  return Object.assign(term, {
    schedules: schedulesOf('temperature', temperature),
    needsTeacher: true,
  });
}

function squared(temperature: number | tf.Scalar): number | tf.Scalar {
  return typeof temperature === 'number' ? temperature ** 2 : tf.square(temperature);
}
