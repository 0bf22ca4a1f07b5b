import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { nkd, nkdPerExample } from '../../src/index.ts';
import { stepOf } from '../golden.ts';
import {
  expectFinite,
  expectRightGradient,
  expectTidy,
  expectUnchanged,
  small,
} from './helpers.ts';

onEveryEngine(() => {
  test('it is the formula, by hand', () =>
    tf.tidy(() => {
      const log = Math.log;
      const [student, teacher] = [[1, 2, 3].map(log), [2, 1, 5].map(log)];
      // Probabilities 1/6, 2/6, 3/6 and 2/8, 1/8, 5/8; label 1. Others: 1/4, 3/4 and 2/7, 5/7.
      const expected = -(1 / 8) * log(2 / 6) - 1.5 * ((2 / 7) * log(1 / 4) + (5 / 7) * log(3 / 4));
      expectClose(
        nkdPerExample(
          tf.tensor2d([student]),
          tf.tensor2d([teacher]),
          tf.tensor1d([1], 'int32'),
        ).dataSync(),
        [expected],
        1e-6,
      );
    }));
  test('its gradient is that of finite differences, and the teacher has none', () =>
    expectRightGradient(nkd({ gamma: 2, temperature: 3 })));
  test('a constant added to rows, and the order of examples, change nothing', () => {
    expectUnchanged(nkd(), (x) => tf.add(x, tf.tensor2d([8, -3, 0], [3, 1])));
    expectUnchanged(
      nkd(),
      (x) => tf.reverse(x, 0),
      (x) => tf.reverse(x, 0),
    );
  });
  test('value and gradient are finite at the edges', () => expectFinite(nkd()));
  test('it leaves no tensor but its result', () => expectTidy(nkd()));
  test('what does not fit is named', () =>
    tf.tidy(() => {
      const { student, labels } = small();
      expect(nkd().needsTeacher).toBe(true);
      expect(() => nkd({ gamma: Number.NaN })).toThrow(
        new RangeError('nkd: expected a finite gamma, got NaN; 1.5 is usual.'),
      );
      expect(() => nkd({ temperature: -1 })).toThrow('nkd: expected temperature > 0, got -1');
      expect(() => nkd()(stepOf(student, undefined, labels))).toThrow(
        'nkd: expected a teacher in the step',
      );
    }));
});
