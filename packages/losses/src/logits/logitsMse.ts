import type { LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertSameLogits, requireTeacher } from '../shared/checks.ts';
import { stopGradient } from '../shared/math.ts';

/**
 * Logit regression: the mean squared error of the logits, which soft targets approach at a high
 * temperature if rows have mean 0.
 *
 * (1 / C) · Σ_c (z_S,c − z_T,c)²
 * @param studentLogits [batch, classes], before softmax.
 * @param teacherLogits [batch, classes], before softmax. Not differentiated.
 * @returns [batch], ≥ 0, the mean over classes.
 * @throws RangeError for shapes that differ.
 * Source: Ba and Caruana, "Do deep nets really need to be deep?" (NeurIPS 2014), section 2.2; they
 * sum over classes and halve. Implementations take the mean over classes.
 * See also `softTargets`, `logitStandardization`.
 */
export function logitsMsePerExample(
  studentLogits: tf.Tensor2D,
  teacherLogits: tf.Tensor2D,
): tf.Tensor1D {
  assertSameLogits('logitsMse', studentLogits, teacherLogits);
  return tf.tidy(() => tf.mean(tf.square(tf.sub(studentLogits, stopGradient(teacherLogits))), 1));
}

/** Mean squared error of the logits, mean over classes and batch. */
export function logitsMse(): LossTerm {
  const term: LossTerm = (step) =>
    tf.tidy(
      () =>
        tf.mean(
          logitsMsePerExample(step.student.logits, requireTeacher('logitsMse', step).logits),
        ) as tf.Scalar,
    );
  return Object.assign(term, { needsTeacher: true });
}
