/** What must hold of methods on logits, over drawn logits: fast-check shrinks what breaks it. */
import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decoupledDivergence,
  distBatchwise,
  dkdPerExample,
  klDivergencePerExample,
  softTargetsPerExample,
  standardizeLogits,
} from '../../src/index.ts';

/** Student, teacher and labels of a batch. */
const batches = fc
  .record({ rows: fc.integer({ min: 1, max: 4 }), classes: fc.integer({ min: 2, max: 5 }) })
  .chain(({ rows, classes }) => {
    const row = fc.array(fc.integer({ min: -60, max: 60 }), {
      minLength: classes,
      maxLength: classes,
    });
    const logits = fc
      .array(row, { minLength: rows, maxLength: rows })
      .map((all) => all.map((one) => one.map((value) => value / 10)));
    const labels = fc.array(fc.integer({ min: 0, max: classes - 1 }), {
      minLength: rows,
      maxLength: rows,
    });
    return fc.record({ student: logits, teacher: logits, labels });
  });
const temperatures = fc.constantFrom(1, 2, 4, 8);
const runs = { numRuns: 25, seed: 5 };

onEveryEngine(() => {
  test('KD is TCKD + (1 − p_label) · NCKD', () => {
    fc.assert(
      fc.property(batches, temperatures, (batch, temperature) =>
        tf.tidy(() => {
          const [student, teacher, labels] = tensorsOf(batch);
          const { label, others } = decoupledDivergence(student, teacher, labels, { temperature });
          const onLabel = tf.sum(
            tf.mul(
              tf.softmax(tf.div<tf.Tensor2D>(teacher, temperature)),
              tf.oneHot(labels, student.shape[1]),
            ),
            1,
          );
          const whole = klDivergencePerExample(student, teacher, { temperature }).dataSync();
          near(tf.add(label, tf.mul(tf.sub(1, onLabel), others)).dataSync(), whole, 1e-5);
        }),
      ),
      runs,
    );
  });
  test('standardized logits do not see a · z + b, a > 0', () => {
    fc.assert(
      fc.property(
        batches,
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: -50, max: 50 }),
        (batch, a, b) =>
          tf.tidy(() => {
            fc.pre(batch.student.every((row) => new Set(row).size > 1));
            const [student, teacher] = tensorsOf(batch);
            const moved = tf.add<tf.Tensor2D>(tf.mul(student, a / 10), b / 10);
            near(standardizeLogits(moved).dataSync(), standardizeLogits(student).dataSync(), 1e-3);
            const soft = (logits: tf.Tensor2D) =>
              softTargetsPerExample(standardizeLogits(logits), standardizeLogits(teacher), {
                temperature: 2,
              }).dataSync();
            near(soft(moved), soft(student), 1e-3);
          }),
      ),
      runs,
    );
  });
  test('DIST is at most what negatively related rows and columns cost, and 0 of the teacher itself where none is constant', () => {
    fc.assert(
      fc.property(batches, (batch) =>
        tf.tidy(() => {
          const [student, teacher] = tensorsOf(batch);
          const value = distBatchwise(student, teacher).dataSync()[0] as number;
          expect(value).toBeGreaterThan(-1e-5);
          expect(value).toBeLessThan(4 + 1e-5);
          if (batch.teacher.every((row) => new Set(row).size > 1))
            near(distBatchwise(teacher, teacher, { gamma: 0 }).dataSync(), [0], 1e-3);
        }),
      ),
      runs,
    );
  });
  test('DKD does not fall below 0, and is 0 of the teacher itself', () => {
    fc.assert(
      fc.property(batches, temperatures, (batch, temperature) =>
        tf.tidy(() => {
          const [student, teacher, labels] = tensorsOf(batch);
          expect(
            Math.min(...dkdPerExample(student, teacher, labels, { temperature }).dataSync()),
          ).toBeGreaterThanOrEqual(0);
          near(
            dkdPerExample(teacher, teacher, labels, { temperature }).dataSync(),
            batch.labels.map(() => 0),
            1e-6,
          );
        }),
      ),
      runs,
    );
  });
});

type Drawn = {
  readonly student: number[][];
  readonly teacher: number[][];
  readonly labels: number[];
};

function tensorsOf({ student, teacher, labels }: Drawn): [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D] {
  return [tf.tensor2d(student), tf.tensor2d(teacher), tf.tensor1d(labels, 'int32')];
}

/** Close to within a share of the largest, or of 1 where all are smaller. */
function near(actual: ArrayLike<number>, expected: ArrayLike<number>, share: number): void {
  expectClose([...Array.from(actual), 1], [...Array.from(expected), 1], share);
}
