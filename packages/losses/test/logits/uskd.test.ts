import { expectClose, numericalGradient, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { uskd, uskdBatchwise } from '../../src/index.ts';
import { stepOf } from '../golden.ts';
import { expectFinite, expectTidy, small } from './helpers.ts';

const tap = { name: 'inner', channels: 2, stride: 0 };

onEveryEngine(() => {
  test('of two equal predictions the label is hard and the other classes have shares by rank', () =>
    tf.tidy(() => {
      const log = Math.log;
      // Probabilities 1/10, 2/10, 3/10, 4/10, label 1: the classes are ranked 3, 2, 1, 0, the
      // others' shares are ∝ 1/4, 1/2, 1.
      const row = [1, 2, 3, 4].map(log);
      const found = uskdBatchwise(
        tf.tensor2d([row]),
        tf.tensor2d([row]),
        tf.tensor1d([1], 'int32'),
        { alpha: 3, beta: 2, mu: 0 },
      );
      const others = -((1 / 4) * log(1 / 8) + (1 / 2) * log(3 / 8) + log(4 / 8)) / (7 / 4);
      expectClose(found.dataSync(), [3 * -log(2 / 10) + 2 * others], 1e-6);
    }));
  test('the soft labels are 1 plus the squared probability less its mean', () =>
    tf.tidy(() => {
      const { student, labels } = small();
      const probabilities = Array.from(
        tf.sum(tf.mul(tf.softmax(student), tf.oneHot(labels, 4)), 1).dataSync(),
      );
      const squares = probabilities.map((p) => p * p);
      const mean = squares.reduce((sum, square) => sum + square) / 3;
      const expected =
        -squares.reduce(
          (sum, square, at) => sum + (1 + square - mean) * Math.log(probabilities[at] as number),
          0,
        ) / 3;
      expectClose(
        uskdBatchwise(student, student, labels, { beta: 0, mu: 0 }).dataSync(),
        [expected],
        1e-5,
      );
    }));
  test('the weak classifier learns from the label alone, by a gradient of finite differences', () =>
    tf.tidy(() => {
      const { student, teacher, labels } = small();
      const loss = (x: tf.Tensor) => uskdBatchwise(student, x as tf.Tensor2D, labels, { mu: 1 });
      expectClose(tf.grad(loss)(teacher).dataSync(), numericalGradient(loss, teacher), 1e-3);
    }));
  test('value and gradient are finite at the edges', () => {
    expectFinite(({ student, teacher = student, labels }) =>
      uskdBatchwise(student.logits, teacher.logits, labels),
    );
  });
  test('its weak classifier is drawn from the seed, trains, and reads rows or maps', () =>
    tf.tidy(() => {
      const { student, labels } = small();
      const term = uskd({ feature: tap, classes: 4, seed: 1, mu: 1 });
      const again = uskd({ feature: tap, classes: 4, seed: 1 }).weights ?? {};
      const weights = term.weights ?? {};
      expect(Object.entries(weights).map(([name, { shape }]) => [name, shape])).toEqual([
        ['weak.0.kernel', [2, 4]],
        ['weak.0.bias', [4]],
      ]);
      for (const [name, weight] of Object.entries(weights))
        expectClose(weight.dataSync(), again[name]?.dataSync() ?? [], 0);
      const rows = tf.tensor2d([1, -1, 0.5, 2, 0.2, 0.1], [3, 2]);
      const stepWith = (inner: tf.Tensor) => ({
        ...stepOf(student, undefined, labels),
        student: { logits: student, features: { inner } },
      });
      const maps = tf.tile(tf.reshape(rows, [3, 1, 1, 2]), [1, 2, 2, 1]);
      expectClose(term(stepWith(maps)).dataSync(), term(stepWith(rows)).dataSync(), 1e-6);
      const { grads } = tf.variableGrads(() => term(stepWith(rows)), Object.values(weights));
      expect(
        Object.values(grads).every((grad) => (tf.max(tf.abs(grad)).dataSync()[0] as number) > 1e-3),
      ).toBe(true);
      tf.dispose([weights, again]);
    }));
  test('it leaves no tensor but its result', async () => {
    await expectTidy(({ student, labels }) =>
      uskdBatchwise(student.logits, student.logits, labels),
    );
  });
  test('what does not fit is named', () =>
    tf.tidy(() => {
      const { student, labels } = small();
      expect(() => uskdBatchwise(student, tf.zeros([3, 5]), labels)).toThrow(
        'uskd: expected weak logits of shape [3, 4], got [3, 5].',
      );
      expect(() => uskd({ feature: tap, classes: 4, mu: Number.NaN })).toThrow(
        'uskd: expected finite alpha, beta and mu, got [1, 0.1, NaN].',
      );
    }));
});
