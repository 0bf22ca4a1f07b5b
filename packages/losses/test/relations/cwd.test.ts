import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { cwd, cwdPerExample, softTargetsPerExample } from '../../src/index.ts';
import {
  expectFiniteEverywhere,
  expectTidy,
  expectTrueGradient,
  filled,
  lossOf,
  pairs,
  stepWith,
} from './features.ts';

const [term, soft] = [cwd(pairs()), cwd(pairs(), { temperature: 4 })];

onEveryEngine(() => {
  test('its gradient is that of finite differences, whatever size the teacher has', () =>
    tf.tidy(() => expectTrueGradient(soft, [filled([2, 3, 2, 3], 1)], [filled([2, 2, 4, 3], 2)])));
  test('maps of one channel are soft targets over their places', () =>
    tf.tidy(() => {
      const [student, teacher] = [
        filled([3, 2, 3, 1], 1) as tf.Tensor4D,
        filled([3, 2, 3, 1], 2) as tf.Tensor4D,
      ];
      const expected = softTargetsPerExample(
        tf.reshape(student, [3, 6]),
        tf.reshape(teacher, [3, 6]),
        { temperature: 4 },
      );
      expectClose(
        cwdPerExample(student, teacher, { temperature: 4 }).dataSync(),
        expected.dataSync(),
        1e-6,
      );
    }));
  test('a constant added to a channel changes nothing, and costs 0 alone', () =>
    tf.tidy(() => {
      const teacher = filled([2, 2, 2, 3], 1);
      const { value, gradients } = lossOf(term, [tf.add(teacher, [1, -4, 9])], [teacher]);
      expect(value).toBeCloseTo(0, 6);
      expectClose(gradients[0] as Float32Array, new Array(24).fill(0), 1e-6);
    }));
  test('it is finite at zeros, constants, copies and 1e3', () =>
    expectFiniteEverywhere(term, [[3, 2, 2, 3]]));
  test('it leaves no tensor but its result', () =>
    expectTidy(term, [filled([2, 3, 3, 2], 1)], [filled([2, 2, 2, 2], 2)]));
  test('a temperature of 0 and other widths are named', () =>
    tf.tidy(() => {
      expect(() => cwd(pairs(), { temperature: 0 })).toThrow(
        'cwd: expected temperature > 0, got 0; 4 is usual.',
      );
      expect(() => term(stepWith([filled([1, 2, 2, 3], 1)], [filled([1, 2, 2, 4], 1)]))).toThrow(
        'cwd: expected student and teacher features with as many channels, got [1, 2, 2, 3] and [1, 2, 2, 4];',
      );
    }));
});
