import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { correlationCongruence, correlationCongruenceBatchwise } from '../../src/index.ts';
import {
  expectFinite,
  expectFiniteEverywhere,
  expectTidy,
  expectTrueGradient,
  filled,
  lossOf,
  pairs,
  stepWith,
} from './features.ts';

const forms = [{}, { kernel: {} }, { kernel: { gamma: 1, order: 5 } }];
const kernel = correlationCongruence(pairs(), { kernel: {} });

onEveryEngine(() => {
  test.each(forms)('with %o the gradient is that of finite differences', (options) =>
    tf.tidy(() =>
      expectTrueGradient(
        correlationCongruence(pairs(), options),
        [filled([3, 4], 1)],
        [filled([3, 2, 1, 2], 3)],
      ),
    ),
  );
  test.each(forms)(
    'with %o a student equal to its teacher costs 0 with the gradient 0',
    (options) =>
      tf.tidy(() => {
        const { value, gradients } = lossOf(
          correlationCongruence(pairs(), options),
          [filled([3, 4], 1)],
          [filled([3, 4], 1)],
        );
        expect(value).toBe(0);
        expectClose(gradients[0] as Float32Array, new Array(12).fill(0), 0);
      }),
  );
  test('neighbours in the batch are multiplied, not others', () =>
    tf.tidy(() => {
      const student = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
      expectClose(
        correlationCongruenceBatchwise(tf.neg(student), tf.zerosLike(student)).dataSync(),
        [(1 * 3 + 2 * 4 + 3 * 5 + 4 * 6) / 2],
        1e-6,
      );
    }));
  test('with a kernel only directions count, and not the order of the batch; widths may differ', () =>
    tf.tidy(() => {
      const [student, teacher] = [filled([4, 3], 1), filled([4, 5], 2)];
      const { value } = lossOf(kernel, [student], [teacher]);
      expectClose(
        [lossOf(kernel, [tf.reverse(tf.mul(student, 4), [0, 1])], [tf.reverse(teacher, 0)]).value],
        [value],
        1e-5,
      );
    }));
  test('a kernel of many powers is the exponential', () =>
    tf.tidy(() => {
      const [student, teacher] = [tf.eye(2), tf.ones([2, 2])];
      const loss = correlationCongruenceBatchwise(student, teacher, {
        kernel: { gamma: 0.7, order: 12 },
      });
      expectClose(loss.dataSync(), [(1 - Math.exp(-1.4)) ** 2 / 2], 1e-5);
    }));
  test.each(forms)(
    'with %o it is finite at zeros, constants, copies and 1e3, and 0 in a batch of one',
    (options) => {
      expectFiniteEverywhere(correlationCongruence(pairs(), options), [[3, 4]]);
      tf.tidy(() =>
        expectFinite(
          correlationCongruence(pairs(), options),
          [filled([1, 4], 1)],
          [filled([1, 4], 2)],
          0,
        ),
      );
    },
  );
  test('it leaves no tensor but its result', async () => {
    await expectTidy(kernel, [filled([3, 4], 1)], [filled([3, 5], 2)]);
    await expectTidy(correlationCongruence(pairs()), [filled([3, 4], 1)], [filled([3, 4], 2)]);
  });
  test('other widths and kernels that are none are named', () =>
    tf.tidy(() => {
      expect(() =>
        correlationCongruence(pairs())(stepWith([filled([2, 3], 1)], [filled([2, 4], 1)])),
      ).toThrow(
        'correlationCongruence: expected student and teacher features with as many channels, got [2, 3] and [2, 4]; with kernel: {} widths may differ.',
      );
      expect(() => correlationCongruence(pairs(), { kernel: { gamma: 0 } })).toThrow(
        'correlationCongruence: expected gamma > 0, got 0; 0.4 is usual.',
      );
      expect(() => correlationCongruence(pairs(), { kernel: { order: 0.5 } })).toThrow(
        'an order that is a whole number ≥ 1, got 0.5; 2 is usual.',
      );
    }));
});
