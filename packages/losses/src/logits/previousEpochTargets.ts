import { assertShape, ensure, expectedError, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { labelMask } from '../shared/labels.ts';
import { noGrad } from '../shared/math.ts';
import { writeRows } from '../shared/memoryBank.ts';

/** How much there is to remember. */
export interface PreviousEpochTargetsOptions {
  /** Rows of the whole image set, as `batch.indices` counts them: 50,000 of CIFAR. */
  readonly datasetSize: number;
  readonly classes: number;
}

/** Logits that softmax turns into a one-hot row, to the last bit. */
const certainLogit = 1e3;

/**
 * A term whose teacher is the student itself, as it was when it met the same picture last:
 * `previousEpochTargets(psKd(), { pictures: 50_000, classes: 10 })` is
 * progressive self-distillation without a second forward pass.
 *
 * Logits are remembered for every picture ([pictures, 1 + classes] numbers, in every checkpoint). A
 * picture that was not met before has the label itself for a
 * teacher, as in the published code. Calling it changes the memory; it cannot train in a group.
 * @param term A term of logits. It keeps its weights and numbers.
 * @throws RangeError in a step without rows, or with logits of other classes.
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
  // The first column says whether a picture was met.
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
  });
}
