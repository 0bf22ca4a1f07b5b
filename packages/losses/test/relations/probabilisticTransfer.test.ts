import { closeTo, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { probabilisticTransfer } from '../../src/index.ts';
import { expectFinite, expectFiniteEverywhere, expectTidy, expectTrueGradient, filled, lossOf, pairs } from './features.ts';

const [two, term] = [probabilisticTransfer(pairs(2)), probabilisticTransfer(pairs())];

onEveryEngine(() => {
  test('its gradient is that of finite differences', () => tf.tidy(() => expectTrueGradient(term, [filled([4, 3], 1)], [filled([4, 2, 1, 2], 2)])));
  test('a turned and scaled student costs 0 with the gradient 0, precisely', () =>
    tf.tidy(() => {
      const teacher = filled([6, 4], 1);
      const { value, gradients } = lossOf(term, [tf.mul(tf.reverse(teacher, 1), 2)], [teacher]);
      expect(Math.abs(value)).toBeLessThan(1e-8);
      closeTo(gradients[0] as Float32Array, new Array(24).fill(0), 1e-6);
    }));
  test('the order of the examples does not matter, and pairs add up', () =>
    tf.tidy(() => {
      const [student, teacher] = [filled([4, 3], 1), filled([4, 7], 2)];
      const { value } = lossOf(term, [student], [teacher]);
      closeTo([lossOf(term, [tf.reverse(student, 0)], [tf.reverse(teacher, 0)]).value], [value], 1e-5);
      closeTo([lossOf(two, [student, student], [teacher, teacher]).value], [2 * value], 1e-5);
    }));
  test('opposite rows, which have no probability to be neighbours, are finite', () =>
    tf.tidy(() => {
      const row = filled([1, 4], 1);
      const opposite = tf.concat([row, tf.neg(row), tf.mul(row, 2)]);
      expectFinite(term, [opposite], [filled([3, 4], 2)]);
      expectFinite(term, [filled([3, 4], 2)], [opposite]);
    }));
  test('it is finite at zeros, constants, copies and 1e3, and 0 in a batch of one', () => {
    expectFiniteEverywhere(term, [[3, 4]], [[3, 5]]);
    tf.tidy(() => expectFinite(term, [filled([1, 4], 1)], [filled([1, 3], 2)], 0));
  });
  test('it leaves no tensor but its result', () => expectTidy(term, [filled([3, 4], 1)], [filled([3, 5], 2)]));
  test('an epsilon of 0 is named', () => {
    expect(() => probabilisticTransfer(pairs(), { epsilon: 0 })).toThrow('probabilisticTransfer: expected epsilon > 0, got 0; 1e-7 is usual.');
  });
});
