import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import {
  crossEntropy,
  dkd,
  logitStandardization,
  softTargets,
  standardizeLogits,
  weighted,
} from '../../src/index.ts';
import { stepOf } from '../golden.ts';
import {
  expectFinite,
  expectRestAtTeacher,
  expectRightGradient,
  expectTidy,
  expectUnchanged,
  small,
} from './helpers.ts';

const term = logitStandardization(softTargets({ temperature: 2 }));

onEveryEngine(() => {
  test('rows get mean 0 and deviation 1, over C − 1 or over C', () =>
    tf.tidy(() => {
      const logits = tf.tensor2d([1, 2, 3, 10, 10, 40], [2, 3]);
      expectClose(
        standardizeLogits(logits).dataSync(),
        [-1, 0, 1, -10 / Math.sqrt(300), -10 / Math.sqrt(300), 20 / Math.sqrt(300)],
        1e-6,
      );
      const root = Math.sqrt(1.5);
      expectClose(
        standardizeLogits(logits, { deviation: 'population' }).dataSync().slice(0, 3),
        [-root, 0, root],
        1e-6,
      );
    }));
  test('a · z + b, a > 0, changes nothing', () => {
    for (const standardized of [term, logitStandardization(dkd())]) {
      expectUnchanged(standardized, (z) =>
        tf.add(tf.mul(z, tf.tensor2d([0.5, 3, 10], [3, 1])), tf.tensor2d([8, -3, 0], [3, 1])),
      );
    }
  });
  test('its gradient is that of finite differences, and the teacher has none', () =>
    expectRightGradient(term));
  test('a student equal to its teacher costs 0 and has gradient 0', () =>
    expectRestAtTeacher(term));
  test('a constant row becomes 0', () =>
    tf.tidy(() =>
      expectClose(standardizeLogits(tf.fill([1, 4], 0.5)).dataSync(), [0, 0, 0, 0], 0),
    ));
  test('value and gradient are finite at the edges', () => {
    expectFinite(term);
    expectFinite(logitStandardization(dkd({ temperature: 1 })));
  });
  test('it keeps the weights, the numbers and the needs of the term', () => {
    const inner = weighted(() => 2, softTargets({ temperature: () => 3 }));
    expect(Object.keys(logitStandardization(inner).schedules ?? {}).sort()).toEqual([
      'temperature',
      'weight',
    ]);
    const scale = tf.variable(tf.scalar(2));
    const learned = Object.assign(() => tf.clone(scale) as tf.Scalar, {
      weights: { scale },
      needsRows: true,
    });
    expect({ ...logitStandardization(learned) }).toMatchObject({
      weights: { scale },
      needsRows: true,
      needsTeacher: true,
    });
    scale.dispose();
  });
  test('it leaves no tensor but its result', () => expectTidy(term));
  test('what does not fit is named', () =>
    tf.tidy(() => {
      const { student, labels } = small();
      expect(() =>
        logitStandardization(crossEntropy())(stepOf(student, undefined, labels)),
      ).toThrow('logitStandardization: expected a teacher in the step');
      expect(() => logitStandardization(term, { epsilon: 0 })).toThrow(
        'logitStandardization: expected epsilon > 0, got 0; 1e-7 is usual.',
      );
      expect(() => standardizeLogits(tf.zeros([2, 1]))).toThrow(
        'logitStandardization: expected at least 2 classes, got 1.',
      );
    }));
});
