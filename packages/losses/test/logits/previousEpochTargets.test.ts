import type { LossInputs } from '@kd/core';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, expect, test } from 'vitest';
import {
  combine,
  crossEntropy,
  previousEpochTargets,
  psKd,
  softTargets,
  weighted,
} from '../../src/index.ts';

const logits = (shift = 0) =>
  tf.add(
    tf.tensor2d([0.3, -0.2, 0.9, 1.1, 0.4, -0.7], [2, 3]),
    tf.tensor1d([shift, 0, -shift]),
  ) as tf.Tensor2D;
const stepOf = (student: tf.Tensor2D, rows = [4, 1]): LossInputs => ({
  student: { logits: student, features: {} },
  labels: tf.tensor1d([2, 0], 'int32'),
  indices: tf.tensor1d(rows, 'int32'),
  scheduledValues: {},
});

onEveryEngine(() => {
  const made: tf.Variable[] = [];
  afterEach(() => tf.dispose(made.splice(0)));
  const make = (term = psKd({ alpha: 0.6 })) => {
    const past = previousEpochTargets(term, { datasetSize: 6, classes: 3 });
    made.push(...Object.values(past.weights ?? {}));
    return past;
  };

  test('pictures that are new have their labels for teachers, in value and gradient', () =>
    tf.tidy(() => {
      const [first, hard] = [make(), crossEntropy()].map((term) =>
        tf.valueAndGrad((x: tf.Tensor) => term(stepOf(x as tf.Tensor2D)))(logits()),
      );
      expectClose(first?.value.dataSync() ?? [], hard?.value.dataSync() ?? [], 1e-6);
      expectClose(first?.grad.dataSync() ?? [], hard?.grad.dataSync() ?? [], 1e-6);
    }));
  test('known ones have what was said of them last, in whatever batch they come', () =>
    tf.tidy(() => {
      const past = make();
      past(stepOf(logits()));
      past(stepOf(logits(1), [0, 2]));
      const { value, grad } = tf.valueAndGrad((x: tf.Tensor) =>
        past(stepOf(x as tf.Tensor2D, [1, 4])),
      )(logits(2));
      const swapped = tf.reverse(logits(), 0);
      const teacher = { logits: swapped as tf.Tensor2D, features: {} };
      const expected = tf.valueAndGrad((x: tf.Tensor) =>
        psKd({ alpha: 0.6 })({ ...stepOf(x as tf.Tensor2D), teacher }),
      )(logits(2));
      expectClose(value.dataSync(), expected.value.dataSync(), 1e-6);
      expectClose(grad.dataSync(), expected.grad.dataSync(), 1e-6);
    }));
  test('a student that says the same again is its own teacher', () =>
    tf.tidy(() => {
      const past = make(softTargets());
      past(stepOf(logits()));
      expectClose(past(stepOf(logits())).dataSync(), [0], 1e-6);
    }));
  test('logits of 1e3 have finite losses and gradients', () =>
    tf.tidy(() => {
      const past = make();
      for (let time = 0; time < 2; time++) {
        const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => past(stepOf(x as tf.Tensor2D)))(
          tf.mul(logits(), 1e3),
        );
        expect([...value.dataSync(), ...grad.dataSync()].every(Number.isFinite)).toBe(true);
      }
    }));
  test('combined it asks for rows and for no teacher, and keeps the numbers of its term', () => {
    const objective = combine({ self: weighted(1, make(psKd())) });
    expect([objective.needsTeacher, objective.needsIndices]).toEqual([false, true]);
    expect([Object.keys(objective.schedules), Object.keys(objective.weights)]).toEqual([
      ['self.alpha'],
      ['self.past.logits'],
    ]);
  });
  test('it leaves no tensor but its result', async () => {
    const [past, step] = [make(), stepOf(logits())];
    await expectNoNewTensors(() => past(step).dispose());
  });
  test('missing rows and other classes are named', () =>
    tf.tidy(() => {
      const { indices: _, ...without } = stepOf(logits());
      expect(() => make()(without)).toThrow(
        'previousEpochTargets: expected step.rows, got nothing; the trainer gives them; combine and weighted ask it to.',
      );
      expect(() => make()(stepOf(tf.zeros([2, 4])))).toThrow(
        'previousEpochTargets: expected student logits [batch, 3] of shape [any, 3], got [2, 4].',
      );
      expect(() => previousEpochTargets(psKd(), { datasetSize: 0, classes: 3 })).toThrow(
        new RangeError('previousEpochTargets: expected a whole number of pictures ≥ 1, got 0.'),
      );
    }));
});
