import { closeTo, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { crossEntropyPerExample, pskd, pskdAlpha, pskdPerExample } from '../../src/index.ts';
import { stepOf } from '../golden.ts';
import { expectFinite, expectRightGradient, expectTidy, small } from './helpers.ts';

const half = pskd({ alpha: 0.5 });

onEveryEngine(() => {
  test('it is a mixture of both cross entropies', () =>
    tf.tidy(() => {
      const { student, teacher, labels } = small();
      const soft = tf.neg(tf.sum(tf.mul(tf.softmax(teacher), tf.logSoftmax(student)), 1));
      const expected = tf.add(tf.mul(crossEntropyPerExample(student, labels), 0.7), tf.mul(soft, 0.3));
      closeTo(pskdPerExample(student, teacher, labels, { alpha: 0.3 }).dataSync(), expected.dataSync(), 1e-6);
      closeTo(pskdPerExample(student, teacher, labels, { alpha: 0 }).dataSync(), crossEntropyPerExample(student, labels).dataSync(), 1e-6);
    }));
  test('its gradient is that of finite differences, and the past has none', () => expectRightGradient(half));
  test('alpha enters as a number and grows to 0.8 unless told', () =>
    tf.tidy(() => {
      const { student, teacher, labels } = small();
      expect([0, 0.5, 1].map((progress) => pskd().numbers?.alpha?.(progress))).toEqual([0, 0.4, 0.8]);
      const found = pskd()(stepOf(student, teacher, labels, { alpha: tf.scalar(0.5) }));
      closeTo(found.dataSync(), half(stepOf(student, teacher, labels)).dataSync(), 1e-6);
    }));
  test('epoch by epoch alpha is α_T · (epoch + 1) / epochs', () => {
    const alpha = pskdAlpha({ epochs: 300 });
    for (const epoch of [0, 17, 149, 299]) expect(alpha(epoch / 300)).toBeCloseTo((0.8 * (epoch + 1)) / 300, 12);
    expect(alpha(1)).toBe(0.8);
    expect(alpha(0.5 - 1e-6)).toBeCloseTo((0.8 * 150) / 300, 12);
  });
  test('value and gradient are finite at the edges', () => expectFinite(half));
  test('it leaves no tensor but its result', () => expectTidy(half));
  test('what does not fit is named', () =>
    tf.tidy(() => {
      const { student, labels } = small();
      expect(pskd().needsTeacher).toBe(true);
      expect(() => pskd({ alpha: 2 })).toThrow(new RangeError('pskd: expected alpha in [0, 1], got 2; 0.8 at the end is usual.'));
      expect(() => pskdAlpha({ epochs: 0 })).toThrow('pskdAlpha: expected a whole number of epochs ≥ 1, got 0.');
      expect(() => half(stepOf(student, undefined, labels))).toThrow('pskd: expected a teacher in the step');
    }));
});
