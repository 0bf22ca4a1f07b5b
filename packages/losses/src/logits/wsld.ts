import type { LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertSameLogits, assertTemperature, requireTeacher } from '../shared/checks.ts';
import { softCrossEntropy } from '../shared/labels.ts';
import { stopGradient } from '../shared/math.ts';
import { crossEntropyPerExample } from './crossEntropy.ts';

/** T > 0, the paper's τ; 2. */
export interface WsldOptions {
  readonly temperature?: number;
}

/**
 * Weighted soft labels (WSLD): the better the student already fits the label of an example in
 * comparison with the teacher, the smaller the weight of the example.
 *
 * T² · w · CE(softmax(student / T), softmax(teacher / T)), w = 1 − exp(−CE(student, label) /
 * (CE(teacher, label) + 1e-7)), which is not differentiated.
 * This is a cross entropy, not a divergence: the teacher's entropy is not subtracted, which changes
 * the value and not the gradient.
 * @param studentLogits [batch, classes], before softmax.
 * @param teacherLogits [batch, classes], before softmax. Not differentiated.
 * @param labels int32 [batch].
 * @returns [batch], nats, ≥ 0.
 * @throws RangeError for shapes that do not match and for a temperature ≤ 0.
 * Source: Zhou, Song, Chen, Zhou, Wang, Yuan, Zhang, "Rethinking soft labels for knowledge
 * distillation: a bias–variance tradeoff perspective" (ICLR 2021); its authors' code,
 * `WSLDistiller`.
 * See also `softTargets`, `dkd`.
 */
export function wsldPerExample(
  studentLogits: tf.Tensor2D,
  teacherLogits: tf.Tensor2D,
  labels: tf.Tensor1D,
  { temperature = 2 }: WsldOptions = {},
): tf.Tensor1D {
  assertTemperature('wsld', temperature);
  assertSameLogits('wsld', studentLogits, teacherLogits);
  return tf.tidy(() => {
    const teacher = stopGradient(teacherLogits);
    const studentHardLoss = crossEntropyPerExample(stopGradient(studentLogits), labels);
    const teacherHardLoss = crossEntropyPerExample(teacher, labels);
    // expm1 keeps the digits of 1 − exp(−x) for a small x.
    const weight = tf.neg(tf.expm1(tf.neg(tf.div(studentHardLoss, tf.add(teacherHardLoss, 1e-7)))));
    const soft = softCrossEntropy(
      tf.div(studentLogits, temperature),
      tf.softmax(tf.div<tf.Tensor2D>(teacher, temperature)),
    );
    return tf.mul(tf.mul(weight, soft), temperature ** 2);
  });
}

/**
 * WSLD, mean over the batch; usually `weighted(2.5, wsld())` beside `crossEntropy()` (ImageNet);
 * cls_KD uses 2.25 and `temperature: 4` for CIFAR-100.
 */
export function wsld(options: WsldOptions = {}): LossTerm {
  assertTemperature('wsld', options.temperature ?? 2);
  const term: LossTerm = (step) =>
    tf.tidy(
      () =>
        tf.mean(
          wsldPerExample(
            step.student.logits,
            requireTeacher('wsld', step).logits,
            step.labels,
            options,
          ),
        ) as tf.Scalar,
    );
  return Object.assign(term, { needsTeacher: true, needsLabels: true });
}
