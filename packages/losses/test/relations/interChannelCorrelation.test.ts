import { closeTo, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { interChannelCorrelation } from '../../src/index.ts';
import { expectFiniteEverywhere, expectTidy, expectTrueGradient, filled, lossOf, pairs, stepWith } from './features.ts';

const term = interChannelCorrelation(pairs());

onEveryEngine(() => {
  test('its gradient is that of finite differences, whatever size the teacher has', () =>
    tf.tidy(() => expectTrueGradient(term, [filled([2, 2, 2, 3], 1)], [filled([2, 3, 1, 3], 2)])));
  test('a student with the places of its teacher in another order costs 0', () =>
    tf.tidy(() => {
      const teacher = filled([2, 2, 3, 3], 1);
      const { value, gradients } = lossOf(term, [tf.mul(tf.reverse(teacher, [1, 2]), -2)], [teacher]);
      expect(value).toBeCloseTo(0, 6);
      closeTo(gradients[0] as Float32Array, new Array(36).fill(0), 1e-5);
    }));
  test('it is finite at zeros, constants, copies and 1e3', () => expectFiniteEverywhere(term, [[3, 2, 2, 3]]));
  test('it leaves no tensor but its result', () => expectTidy(term, [filled([2, 3, 3, 2], 1)], [filled([2, 2, 2, 2], 2)]));
  test('other widths are named', () =>
    tf.tidy(() => {
      expect(() => term(stepWith([filled([1, 2, 2, 3], 1)], [filled([1, 2, 2, 4], 1)]))).toThrow(
        'interChannelCorrelation: expected student and teacher features with as many channels, got [1, 2, 2, 3] and [1, 2, 2, 4]; neuronSelectivity ',
      );
    }));
});
