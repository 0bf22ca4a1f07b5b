import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { nst, nstPerExample } from '../../src/index.ts';
import {
  expectFiniteEverywhere,
  expectTidy,
  expectTrueGradient,
  filled,
  lossOf,
  pairs,
  stepWith,
} from './features.ts';

const term = nst(pairs());
const maps = (shape: number[], seed: number) => filled(shape, seed) as tf.Tensor4D;

onEveryEngine(() => {
  test('its gradient is that of finite differences, whatever width and size the teacher has', () =>
    tf.tidy(() => expectTrueGradient(term, [maps([2, 3, 2, 2], 1)], [maps([2, 2, 3, 4], 2)])));
  test('a student with the channels of its teacher costs 0, in any order and of any strength', () =>
    tf.tidy(() => {
      const teacher = maps([2, 3, 2, 4], 1);
      const { value, gradients } = lossOf(term, [tf.mul(tf.reverse(teacher, -1), -3)], [teacher]);
      expect(value).toBeCloseTo(0, 6);
      expectClose(gradients[0] as Float32Array, new Array(48).fill(0), 1e-6);
    }));
  test('channels that select disjoint places cost 2 over their number', () =>
    tf.tidy(() => {
      const identity = tf.reshape(tf.eye(4), [1, 2, 2, 4]) as tf.Tensor4D;
      const [left, right] = [
        tf.slice(identity, [0, 0, 0, 0], [1, 2, 2, 2]),
        tf.slice(identity, [0, 0, 0, 2], [1, 2, 2, 2]),
      ];
      expectClose(nstPerExample(left, right).dataSync(), [1], 1e-6);
    }));
  test('it is finite at zeros, constants, copies and 1e3', () =>
    expectFiniteEverywhere(term, [[3, 2, 2, 3]], [[3, 4, 3, 2]]));
  test('it leaves no tensor but its result', () =>
    expectTidy(term, [maps([2, 3, 3, 2], 1)], [maps([2, 2, 2, 2], 2)]));
  test('other batches are named', () =>
    tf.tidy(() => {
      expect(() => term(stepWith([maps([2, 2, 2, 3], 1)], [maps([1, 2, 2, 3], 1)]))).toThrow(
        'nst: expected teacher maps [batch, height, width, channels] of shape [2, any, any, any], got [1, 2, 2, 3].',
      );
    }));
});
