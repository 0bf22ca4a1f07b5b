import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { crossEntropyPerExample, psKd, psKdAlpha, psKdPerExample } from '../../src/index.ts';
import { stepOf } from '../golden.ts';
import { expectFinite, expectRightGradient, expectTidy, small } from './helpers.ts';

const half = psKd({ alpha: 0.5 });

onEveryEngine(() => {
  test('it is a mixture of both cross entropies', () =>
    tf.tidy(() => {
      const { student, teacher, labels } = small();
      const soft = tf.neg(tf.sum(tf.mul(tf.softmax(teacher), tf.logSoftmax(student)), 1));
      const expected = tf.add(
        tf.mul(crossEntropyPerExample(student, labels), 0.7),
        tf.mul(soft, 0.3),
      );
      expectClose(
        psKdPerExample(student, teacher, labels, { alpha: 0.3 }).dataSync(),
        expected.dataSync(),
        1e-6,
      );
      expectClose(
        psKdPerExample(student, teacher, labels, { alpha: 0 }).dataSync(),
        crossEntropyPerExample(student, labels).dataSync(),
        1e-6,
      );
    }));
  test('its gradient is that of finite differences, and the past has none', () =>
    expectRightGradient(half));
  test('alpha enters as a number and grows to 0.8 unless told', () =>
    tf.tidy(() => {
      const { student, teacher, labels } = small();
      expect([0, 0.5, 1].map((progress) => psKd().schedules?.alpha?.(progress))).toEqual([
        0, 0.4, 0.8,
      ]);
      const found = psKd()(stepOf(student, teacher, labels, { alpha: tf.scalar(0.5) }));
      expectClose(found.dataSync(), half(stepOf(student, teacher, labels)).dataSync(), 1e-6);
    }));
  test('epoch by epoch alpha is α_T · (epoch + 1) / epochs', () => {
    const alpha = psKdAlpha({ epochs: 300 });
    for (const epoch of [0, 17, 149, 299])
      expect(alpha(epoch / 300)).toBeCloseTo((0.8 * (epoch + 1)) / 300, 12);
    expect(alpha(1)).toBe(0.8);
    expect(alpha(0.5 - 1e-6)).toBeCloseTo((0.8 * 150) / 300, 12);
  });
  test('value and gradient are finite at the edges', () => expectFinite(half));
  test('it leaves no tensor but its result', () => expectTidy(half));
  test('what does not fit is named', () =>
    tf.tidy(() => {
      const { student, labels } = small();
      expect(psKd().needsTeacher).toBe(true);
      expect(() => psKd({ alpha: 2 })).toThrow(
        new RangeError('psKd: expected alpha in [0, 1], got 2; 0.8 at the end is usual.'),
      );
      expect(() => psKdAlpha({ epochs: 0 })).toThrow(
        'psKdAlpha: expected a whole number of epochs ≥ 1, got 0.',
      );
      expect(() => half(stepOf(student, undefined, labels))).toThrow(
        'psKd: expected a teacher in the step',
      );
    }));
});
