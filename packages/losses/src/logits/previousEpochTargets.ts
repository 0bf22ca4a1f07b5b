import { assertShape, ensure, expectedError, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { labelMask } from '../shared/labels.ts';
import { noGrad } from '../shared/math.ts';
import { writeRows } from '../shared/memoryBank.ts';

/** Size of the logit history. */
export interface PreviousEpochTargetsOptions {
  /** Number of images in the whole dataset, which `batch.indices` refer to: 50,000 for CIFAR. */
  readonly datasetSize: number;
  readonly classes: number;
}

/** A logit difference that softmax turns into an exact one-hot row. */
const certainLogit = 1e3;

/**
 * Computes a term with the student's own logits of the previous epoch as the teacher's:
 * `previousEpochTargets(psKd(), { datasetSize: 50_000, classes: 10 })` is progressive
 * self-distillation without a second forward pass.
 *
 * The latest logits of every image are stored ([datasetSize, 1 + classes] values, in every
 * checkpoint). An image that was not seen before has its label as the teacher, as in the published
 * code. A call updates the stored logits; the term cannot train in a process group.
 * @param term A term of logits. It keeps its weights and schedules.
 * @throws RangeError in a step without indices, or with logits of other classes.
 * Source: Kim, Ji, Yoon, Hwang, "Self-knowledge distillation with progressive refinement of
 * targets" (ICCV 2021); its code's `all_predictions`.
 * See also `psKd`, `virtualTeacher`.
 */
export function previousEpochTargets(
  term: LossTerm,
  { datasetSize, classes }: PreviousEpochTargetsOptions,
): LossTerm {
  ensure(
    Number.isInteger(datasetSize) && datasetSize >= 1,
    'previousEpochTargets',
    'a whole number of images ≥ 1',
    datasetSize,
  );
  ensure(
    Number.isInteger(classes) && classes >= 1,
    'previousEpochTargets',
    'a whole number of classes ≥ 1',
    classes,
  );
  // The first column is 1 for images that were seen before.
  const memory = tf.tidy(() =>
    tf.variable(tf.zeros<tf.Rank.R2>([datasetSize, 1 + classes]), false),
  ) as tf.Variable<tf.Rank.R2>;
  const selfTaught: LossTerm = (step) =>
    tf.tidy(() => {
      const { student, labels, indices } = step;
      if (indices === undefined)
        throw expectedError(
          'previousEpochTargets',
          'step.indices',
          undefined,
          'the trainer passes them; combine and weighted declare the need',
        );
      assertShape('previousEpochTargets', `student logits [batch, ${classes}]`, student.logits, [
        null,
        classes,
      ]);
      const batch = labels.size;
      const past = noGrad(() => {
        const [isSeen, logits] = tf.split(tf.gather(memory, indices), [1, classes], 1) as [
          tf.Tensor2D,
          tf.Tensor2D,
        ];
        const label = tf.mul(tf.sub(labelMask(labels, classes), 1), certainLogit);
        return tf.add<tf.Tensor2D>(logits, tf.mul(tf.sub(1, isSeen), label));
      });
      const value = term({ ...step, teacher: { logits: past, features: {} } });
      writeRows(memory, indices, tf.concat2d([tf.ones<tf.Rank.R2>([batch, 1]), student.logits], 1));
      return value;
    });
  return Object.assign(selfTaught, {
    schedules: term.schedules ?? {},
    weights: { ...term.weights, 'past.logits': memory },
    needsTeacher: false,
    needsIndices: true,
    needsLabels: true,
  });
}
