import { ensure, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertTemperature, requireTeacher } from '../shared/checks.ts';
import { divergence } from '../shared/klDivergence.ts';
import { crossEntropyPerExample } from './crossEntropy.ts';

/** Options of the tutorial's `loss_kd`, with the tutorial's values as defaults. */
export interface TutorialLossOptions {
  /** T > 0. 1 does not soften. */
  readonly temperature?: number;
  /** Weight of the teacher's part, 0–1; the labels' part has the weight 1 − alpha. */
  readonly alpha?: number;
}

/**
 * The loss of the tutorial that this project grew from, as printed. It is for comparison, not for
 * training:
 *
 * alpha · T² · KL(softmax(teacher / T) ‖ softmax(student / T)) / classes + (1 − alpha) ·
 * crossEntropy(student, labels)
 *
 * Its `nn.KLDivLoss()` averages over batch × classes where the divergence is a sum over classes: on
 * CIFAR-10 the teacher has a tenth of the weight that alpha states, 0.05 in place of 0.5. The right
 * loss is `combine({ hard: weighted(1 - alpha, crossEntropy()), soft: weighted(alpha, softTargets({
 * temperature })) })`.
 * @param studentLogits [batch, classes], before softmax.
 * @param teacherLogits [batch, classes], before softmax. Not differentiated.
 * @param labels int32 [batch].
 * @returns [batch], nats, ≥ 0 (up to rounding).
 * @throws RangeError for shapes that do not match, a temperature ≤ 0 and alpha outside [0, 1].
 */
export function tutorialLossPerExample(
  studentLogits: tf.Tensor2D,
  teacherLogits: tf.Tensor2D,
  labels: tf.Tensor1D,
  { temperature = 1, alpha = 0.5 }: TutorialLossOptions = {},
): tf.Tensor1D {
  assertAlpha(alpha);
  return tf.tidy(() => {
    const averaged = tf.div(
      divergence('tutorialLoss', studentLogits, teacherLogits, temperature),
      studentLogits.shape[1],
    );
    return tf.add(
      tf.mul(averaged, alpha * temperature ** 2),
      tf.mul(crossEntropyPerExample(studentLogits, labels), 1 - alpha),
    );
  });
}

/** The tutorial's loss as printed, mean over the batch. */
export function tutorialLoss(options: TutorialLossOptions = {}): LossTerm {
  assertTemperature('tutorialLoss', options.temperature ?? 1);
  assertAlpha(options.alpha ?? 0.5);
  const term: LossTerm = (step) =>
    tf.tidy(() => {
      const { logits } = requireTeacher('tutorialLoss', step);
      return tf.mean(
        tutorialLossPerExample(step.student.logits, logits, step.labels, options),
      ) as tf.Scalar;
    });
  return Object.assign(term, { needsTeacher: true, needsLabels: true });
}

function assertAlpha(alpha: number): void {
  ensure(
    alpha >= 0 && alpha <= 1,
    'tutorialLoss',
    'alpha in [0, 1]',
    alpha,
    'the tutorial has 0.5',
  );
}
