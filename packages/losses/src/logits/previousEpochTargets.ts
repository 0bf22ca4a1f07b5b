import { assertShape, ensure, expectedError, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { constant } from '../detached.ts';
import { writeRows } from '../rowMemory.ts';
import { labelMask } from './label.ts';

/** How much there is to remember. */
export interface PreviousEpochTargetsOptions {
  /** Rows of the whole image set, as `batch.indices` counts them: 50,000 of CIFAR. */
  readonly pictures: number;
  readonly classes: number;
}

/** Logits that softmax turns into a one-hot row, to the last bit. */
const CERTAIN = 1e3;

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
  { pictures, classes }: PreviousEpochTargetsOptions,
): LossTerm {
  ensure(
    Number.isInteger(pictures) && pictures >= 1,
    'previousEpochTargets',
    'a whole number of pictures ≥ 1',
    pictures,
  );
  ensure(
    Number.isInteger(classes) && classes >= 1,
    'previousEpochTargets',
    'a whole number of classes ≥ 1',
    classes,
  );
  // The first column says whether a picture was met.
  const memory = tf.tidy(() =>
    tf.variable(tf.zeros<tf.Rank.R2>([pictures, 1 + classes]), false),
  ) as tf.Variable<tf.Rank.R2>;
  const remembering: LossTerm = (step) =>
    tf.tidy(() => {
      const { student, labels, indices: rows } = step;
      if (rows === undefined)
        throw expectedError(
          'previousEpochTargets',
          'step.rows',
          undefined,
          'the trainer gives them; combine and weighted ask it to',
        );
      assertShape('previousEpochTargets', `student logits [batch, ${classes}]`, student.logits, [
        null,
        classes,
      ]);
      const batch = labels.size;
      const past = constant(() => {
        const [met, said] = tf.split(tf.gather(memory, rows), [1, classes], 1) as [
          tf.Tensor2D,
          tf.Tensor2D,
        ];
        const label = tf.mul(tf.sub(labelMask(labels, classes), 1), CERTAIN);
        return tf.add<tf.Tensor2D>(said, tf.mul(tf.sub(1, met), label));
      });
      const value = term({ ...step, teacher: { logits: past, features: {} } });
      writeRows(memory, rows, tf.concat2d([tf.ones<tf.Rank.R2>([batch, 1]), student.logits], 1));
      return value;
    });
  return Object.assign(remembering, {
    numbers: term.schedules ?? {},
    weights: { ...term.weights, 'past.logits': memory },
    needsTeacher: false,
    needsRows: true,
  });
}
