import { ensure, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertTemperature } from '../shared/checks.ts';
import { divergence } from '../shared/klDivergence.ts';
import { assertOtherClasses, labelMask } from '../shared/labels.ts';

/** Options of the virtual teacher, with the values of the published code. */
export interface VirtualTeacherOptions {
  /** T > 0: 20. */
  readonly temperature?: number;
  /** Probability of the label, 0–1: 0.99. The rest is spread over the other classes. */
  readonly correctProbability?: number;
}

/**
 * Distillation from a handmade teacher, always right and equally unsure of all other classes (Tf-KD
 * with a virtual teacher): label smoothing written as distillation.
 *
 * KL(softmax(u / T) ‖ softmax(student)), u = a at the label and (1 − a) / (C − 1) elsewhere:
 * probabilities, softened as if they were logits. There is no T², and the student is not softened,
 * as in the published code; the paper softens both.
 * @param logits [batch, classes], before softmax.
 * @param labels int32 [batch].
 * @returns [batch], nats, ≥ 0, summed over classes. The published code averages over classes: its α
 * and multiplier m are here `combine({ hard: weighted(1 - α, crossEntropy()), virtual: weighted((α
 * * m) / classes, virtualTeacher()) })`; ResNet-18 on CIFAR-100 has α 0.1 and m 100, hence the
 * weights 0.9 and 0.1 here.
 * @throws RangeError for shapes that do not match, fewer than 2 classes, a temperature ≤ 0 and a
 * probability outside [0, 1].
 * Source: Yuan, Tay, Li, Wang, Feng, "Revisiting knowledge distillation via label smoothing
 * regularization" (CVPR 2020), section 5. Their other method, Tf-KD by self-training, is
 * `softTargets` with an earlier training of the student as its teacher.
 * See also `crossEntropy` with `smoothing`, `uskd`.
 */
export function virtualTeacherPerExample(
  logits: tf.Tensor2D,
  labels: tf.Tensor1D,
  options: VirtualTeacherOptions = {},
): tf.Tensor1D {
  const { temperature, correctProbability } = withDefaults(options);
  assertOtherClasses('virtualTeacher', logits, labels);
  const classes = logits.shape[1];
  const elsewhere = (1 - correctProbability) / (classes - 1);
  return tf.tidy(() => {
    const belief = tf.add(
      tf.mul(labelMask(labels, classes), correctProbability - elsewhere),
      elsewhere,
    );
    return divergence('virtualTeacher', logits, tf.div(belief, temperature), 1);
  });
}

/** The virtual teacher, mean over the batch. It needs no teacher network. */
export function virtualTeacher(options: VirtualTeacherOptions = {}): LossTerm {
  withDefaults(options);
  const term: LossTerm = ({ student, labels }) =>
    tf.tidy(() => tf.mean(virtualTeacherPerExample(student.logits, labels, options)) as tf.Scalar);
  return Object.assign(term, { needsLabels: true });
}

function withDefaults({
  temperature = 20,
  correctProbability = 0.99,
}: VirtualTeacherOptions): Required<VirtualTeacherOptions> {
  assertTemperature('virtualTeacher', temperature);
  const isProbability = correctProbability >= 0 && correctProbability <= 1;
  ensure(
    isProbability,
    'virtualTeacher',
    'correctProbability in [0, 1]',
    correctProbability,
    '0.99 is usual',
  );
  return { temperature, correctProbability };
}
