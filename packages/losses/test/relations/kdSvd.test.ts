import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { kdSvd } from '../../src/index.ts';
import { topRightSingularVectors } from '../../src/shared/linalg.ts';
import {
  expectFiniteEverywhere,
  expectTidy,
  expectTrueGradient,
  filled,
  lossOf,
  pairs,
  stepWith,
} from './features.ts';

const [one, two] = [kdSvd(pairs(2)), kdSvd(pairs(2), { vectors: 2 })];

onEveryEngine(() => {
  test.each([
    [5, 3],
    [3, 5],
  ])('matrices of %d rows and %d columns are the sum of their directions', (rows, columns) =>
    tf.tidy(() => {
      const x = filled([2, rows, columns], 1) as tf.Tensor3D;
      const { vectors, values } = topRightSingularVectors(x, 3);
      expectClose(
        tf.matMul(vectors, vectors, true).dataSync(),
        [...tf.eye(3).dataSync(), ...tf.eye(3).dataSync()],
        1e-5,
      );
      expectClose(
        tf.matMul(tf.matMul(x, vectors), vectors, false, true).dataSync(),
        x.dataSync(),
        1e-5,
      );
      const [first, second, third] = [0, 1, 2].map((at) => values.dataSync()[at] as number) as [
        number,
        number,
        number,
      ];
      expect(first > second && second > third).toBe(true);
    }),
  );
  test('singular values are those of the matrix, and directions that it does not have are 0', () =>
    tf.tidy(() => {
      const { vectors, values } = topRightSingularVectors(
        tf.tensor3d([0, 0, 3, 0, -4, 0, 0, 0, 0, 0, 0, 0], [1, 4, 3]),
        3,
      );
      expectClose(values.dataSync(), [4, 3, 0], 1e-6);
      expectClose(tf.abs(vectors).dataSync(), [0, 0, 0, 1, 0, 0, 0, 1, 0], 1e-6);
    }));
  test('the gradient is that of finite differences, of one vector and of two, of more places than channels and fewer', () =>
    tf.tidy(() => {
      expectTrueGradient(
        one,
        [filled([1, 2, 2, 2], 1), filled([1, 2, 1, 2], 2)],
        [filled([1, 3, 1, 2], 3), filled([1, 2, 2, 2], 4)],
        1e-2,
      );
      expectTrueGradient(
        two,
        [filled([1, 2, 1, 3], 1), filled([1, 2, 1, 2], 2)],
        [filled([1, 2, 1, 3], 3), filled([1, 2, 1, 2], 4)],
        1e-2,
      );
    }));
  test('a student with the places of its teacher in another order and the opposite sign costs 0', () =>
    tf.tidy(() => {
      const teacher = [filled([2, 3, 2, 4], 1), filled([2, 2, 3, 3], 2)];
      const { value, gradients } = lossOf(
        two,
        teacher.map((maps) => tf.mul(tf.reverse(maps, [1, 2]), -2)),
        teacher,
      );
      expect(value).toBeCloseTo(0, 9);
      for (const gradient of gradients)
        expectClose(gradient, new Array(gradient.length).fill(0), 1e-4);
    }));
  test('layers of known directions have the known loss', () =>
    tf.tidy(() => {
      const [left, right] = [tf.tensor4d([2, 0], [1, 1, 1, 2]), tf.tensor4d([0, 3], [1, 1, 1, 2])];
      // One student's direction is the teacher's next: nothing of the other, sign 0, is left of it.
      const near = Math.exp(-1 / 8);
      expectClose(
        [lossOf(one, [left, left], [left, right]).value],
        [2 * (1 - near) ** 2 * (1 / 2 + 1 / 2)],
        1e-5,
      );
    }));
  test('it is finite at zeros, constants, copies and 1e3', () =>
    expectFiniteEverywhere(
      two,
      [
        [2, 2, 2, 3],
        [2, 2, 1, 4],
      ],
      [
        [2, 3, 2, 3],
        [2, 1, 2, 4],
      ],
    ));
  test('it leaves no tensor but its result', () =>
    expectTidy(
      two,
      [filled([2, 3, 2, 2], 1), filled([2, 2, 2, 2], 3)],
      [filled([2, 3, 2, 2], 2), filled([2, 2, 2, 2], 4)],
    ));
  test('one layer alone, other widths and too many vectors are named', () =>
    tf.tidy(() => {
      expect(() => kdSvd(pairs(1))).toThrow(
        'kdSvd: expected two layers or more, as many of both, got 1 and 1.',
      );
      const [narrow, wide] = [filled([1, 2, 2, 2], 1), filled([1, 2, 2, 3], 1)];
      expect(() => one(stepWith([narrow, narrow], [narrow, wide]))).toThrow(
        'kdSvd: expected student and teacher features with as many channels, got [1, 2, 2, 2] and [1, 2, 2, 3]; take taps where both networks are as wide.',
      );
      expect(() =>
        kdSvd(pairs(2), { vectors: 3 })(stepWith([narrow, narrow], [narrow, narrow])),
      ).toThrow('kdSvd: expected 1 to 2 vectors, got 3; 1 is usual.');
    }));
});
