import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { logitsMse, logitsMsePerExample } from '../../src/index.ts';
import { stepOf } from '../golden.ts';
import {
  expectFinite,
  expectRestAtTeacher,
  expectRightGradient,
  expectTidy,
  expectUnchanged,
  small,
} from './helpers.ts';

onEveryEngine(() => {
  test('each example carries the mean of its squared differences', () =>
    tf.tidy(() => {
      const student = tf.tensor2d([1, 2, 3, 0, 0, 0], [2, 3]);
      expectClose(
        logitsMsePerExample(student, tf.tensor2d([1, 0, 0, 3, -3, 0], [2, 3])).dataSync(),
        [13 / 3, 6],
        1e-6,
      );
    }));
  test('its gradient is that of finite differences, and the teacher has none', () =>
    expectRightGradient(logitsMse()));
  test('a student equal to its teacher costs 0 and has gradient 0', () =>
    expectRestAtTeacher(logitsMse()));
  test('the order of examples and of classes does not matter', () => {
    expectUnchanged(logitsMse(), (x) => tf.reverse(x, 0));
    expectUnchanged(logitsMse(), (x) => tf.reverse(x, 1));
  });
  test('value and gradient are finite at the edges', () => expectFinite(logitsMse()));
  test('it leaves no tensor but its result', () => expectTidy(logitsMse()));
  test('a missing teacher and other classes are named', () =>
    tf.tidy(() => {
      const { student, labels } = small();
      expect(logitsMse().needsTeacher).toBe(true);
      expect(() => logitsMse()(stepOf(student, undefined, labels))).toThrow(
        'logitsMse: expected a teacher in the step',
      );
      expect(() => logitsMsePerExample(student, tf.zeros([3, 5]))).toThrow(
        'logitsMse: expected student logits and teacher logits of the same shape, got [3, 4] and [3, 5].',
      );
    }));
});
