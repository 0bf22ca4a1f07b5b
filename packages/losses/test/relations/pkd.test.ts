import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { pkd } from '../../src/index.ts';
import {
  expectFiniteEverywhere,
  expectTidy,
  expectTrueGradient,
  filled,
  lossOf,
  pairs,
  stepWith,
} from './features.ts';

const term = pkd(pairs());

onEveryEngine(() => {
  test.each([{}, { resize: 'teacher' as const }])(
    'with %o the gradient is that of finite differences, whatever size the teacher has',
    (options) =>
      tf.tidy(() =>
        expectTrueGradient(
          pkd(pairs(), options),
          [filled([2, 3, 2, 2], 1)],
          [filled([2, 2, 4, 2], 2)],
        ),
      ),
  );
  test('channels that are scaled and shifted cost 0', () =>
    tf.tidy(() => {
      const teacher = filled([2, 2, 3, 3], 1);
      const { value, gradients } = lossOf(
        term,
        [tf.add(tf.mul(teacher, [2, 0.5, 7]), [1, -4, 9])],
        [teacher],
      );
      expect(value).toBeCloseTo(0, 6);
      expectClose(gradients[0] as Float32Array, new Array(36).fill(0), 1e-5);
    }));
  test('it is 1 minus the correlation: 2 for channels that run against each other, over the correction of the deviation', () =>
    tf.tidy(() => {
      const teacher = filled([2, 2, 2, 3], 1);
      expectClose([lossOf(term, [tf.neg(teacher)], [teacher]).value], [(2 * 7) / 8], 1e-5);
    }));
  test('it is finite at zeros, constants, copies and 1e3', () =>
    expectFiniteEverywhere(term, [[3, 2, 2, 3]], [[3, 1, 3, 3]]));
  test('a constant channel has no relation: its half of the other’s variance is the loss, rounding or not', () =>
    tf.tidy(() => {
      const [teacher, level] = [filled([2, 3, 3, 2], 1), tf.fill([2, 3, 3, 2], 0.7)];
      expectClose([lossOf(term, [level], [teacher]).value], [17 / 18 / 2], 1e-5);
      expectClose([lossOf(term, [teacher], [level]).value], [17 / 18 / 2], 1e-5);
    }));
  test('one number a channel is no relation', () =>
    tf.tidy(() =>
      expectClose(
        [lossOf(term, [filled([1, 1, 1, 3], 1)], [filled([1, 1, 1, 3], 2)]).value],
        [0],
        0,
      ),
    ));
  test('it leaves no tensor but its result', () =>
    expectTidy(term, [filled([2, 3, 3, 2], 1)], [filled([2, 2, 2, 2], 2)]));
  test('other widths are named', () =>
    tf.tidy(() => {
      expect(() => term(stepWith([filled([1, 2, 2, 3], 1)], [filled([1, 2, 2, 4], 1)]))).toThrow(
        'pearson: expected student and teacher features with as many channels, got [1, 2, 2, 3] and [1, 2, 2, 4]; take taps where both networks are as wide.',
      );
    }));
});
