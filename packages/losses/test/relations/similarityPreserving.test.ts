import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { similarityPreserving } from '../../src/index.ts';
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

onEveryEngine(() => {
  test('its gradient is that of finite differences, whatever shape the teacher has', () =>
    tf.tidy(() =>
      expectTrueGradient(
        similarityPreserving(pairs()),
        [filled([3, 2, 2, 2], 1)],
        [filled([3, 5], 2)],
      ),
    ));
  test('a turned and scaled student costs 0', () =>
    tf.tidy(() => {
      const teacher = filled([4, 6], 1);
      const { value, gradients } = lossOf(
        similarityPreserving(pairs()),
        [tf.mul(tf.reverse(teacher, 1), -2)],
        [teacher],
      );
      expect(value).toBeCloseTo(0, 6);
      expectClose(gradients[0] as Float32Array, new Array(24).fill(0), 1e-6);
    }));
  test('the order of the examples does not matter', () =>
    tf.tidy(() => {
      const [student, teacher] = [filled([4, 3], 1), filled([4, 7], 2)];
      const { value } = lossOf(
        similarityPreserving(pairs()),
        [tf.reverse(student, 0)],
        [tf.reverse(teacher, 0)],
      );
      expectClose(
        [value],
        [lossOf(similarityPreserving(pairs()), [student], [teacher]).value],
        1e-5,
      );
    }));
  test('it is finite at zeros, constants, copies and 1e3, and 0 in a batch of one', () => {
    expectFiniteEverywhere(similarityPreserving(pairs()), [[3, 4]], [[3, 5]]);
    tf.tidy(() =>
      expectFinite(similarityPreserving(pairs()), [filled([1, 4], 1)], [filled([1, 3], 2)], 0),
    );
  });
  test('it leaves no tensor but its result', () =>
    expectTidy(similarityPreserving(pairs()), [filled([3, 4], 1)], [filled([3, 5], 2)]));
  test('other batches are named', () =>
    tf.tidy(() => {
      expect(() =>
        similarityPreserving(pairs())(stepWith([filled([2, 3], 1)], [filled([3, 3], 1)])),
      ).toThrow(
        'similarityPreserving: expected features [batch, …] of one batch, got [2, 3] and [3, 3].',
      );
    }));
});
