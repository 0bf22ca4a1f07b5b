import * as tf from '@tensorflow/tfjs-core';
import { expectComparable, expectTemperature } from './checks.ts';
import { detached } from './detached.ts';

/**
 * How far the student's softened prediction is from the teacher's.
 *
 * KL(p_T ‖ p_S) = Σ_c p_T · (log p_T − log p_S), p = softmax(logits / temperature), in log space throughout. No factor T².
 * @param studentLogits [batch, classes], before softmax.
 * @param teacherLogits [batch, classes], before softmax. Not differentiated.
 * @param options.temperature > 0: a number, or a scalar where it changes from step to step.
 * @returns [batch], nats, ≥ 0 (up to rounding), 0 where both differ by a constant only.
 * @throws RangeError on shapes that differ and on a temperature ≤ 0.
 */
export function klDivergencePerExample(
  studentLogits: tf.Tensor2D,
  teacherLogits: tf.Tensor2D,
  { temperature }: { readonly temperature: number | tf.Scalar },
): tf.Tensor1D {
  return divergence('klDivergence', studentLogits, teacherLogits, temperature);
}

/** `klDivergencePerExample` for another loss, whose name an error then carries. */
export function divergence(where: string, studentLogits: tf.Tensor2D, teacherLogits: tf.Tensor2D, temperature: number | tf.Scalar): tf.Tensor1D {
  if (typeof temperature === 'number') expectTemperature(where, temperature);
  expectComparable(where, studentLogits, teacherLogits);
  return tf.tidy(() => {
    const logStudent = tf.logSoftmax(tf.div(studentLogits, temperature));
    const logTeacher = tf.logSoftmax(tf.div(detached(teacherLogits), temperature));
    return tf.sum(tf.mul(tf.exp(logTeacher), tf.sub(logTeacher, logStudent)), 1);
  });
}
