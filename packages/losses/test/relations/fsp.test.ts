import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { fsp, ickd } from '../../src/index.ts';
import {
  expectFiniteEverywhere,
  expectTidy,
  expectTrueGradient,
  filled,
  lossOf,
  pairs,
  stepWith,
} from './features.ts';

describe('fsp', () => {
  const [term, three] = [fsp(pairs(2)), fsp(pairs(3))];

  onEveryEngine(() => {
    test('its gradient is that of finite differences, to every layer', () =>
      tf.tidy(() =>
        expectTrueGradient(
          three,
          [filled([2, 3, 2, 2], 1), filled([2, 2, 2, 3], 2), filled([2, 2, 2, 1], 3)],
          [filled([2, 2, 2, 2], 4), filled([2, 1, 2, 3], 5), filled([2, 2, 1, 1], 6)],
        ),
      ));
    test('the order of the positions does not matter, and a student equal to its teacher has loss 0', () =>
      tf.tidy(() => {
        const teacher = [filled([2, 3, 2, 2], 1), filled([2, 3, 2, 3], 2)];
        const turned = teacher.map((maps) => tf.reverse(maps, [1, 2]));
        const { value, gradients } = lossOf(term, turned, teacher);
        expect(value).toBeCloseTo(0, 10);
        for (const gradient of gradients)
          expectClose(gradient, new Array(gradient.length).fill(0), 1e-6);
      }));
    test('layers that follow on each other add up', () =>
      tf.tidy(() => {
        const [student, teacher] = [1, 4].map((seed) => [
          filled([2, 4, 4, 2], seed),
          filled([2, 2, 2, 3], seed + 1),
          filled([2, 2, 2, 2], seed + 2),
        ]) as [tf.Tensor[], tf.Tensor[]];
        const parts = [0, 1].map(
          (at) => lossOf(term, student.slice(at, at + 2), teacher.slice(at, at + 2)).value,
        ) as [number, number];
        expectClose([lossOf(three, student, teacher).value], [parts[0] + parts[1]], 1e-5);
      }));
    test('it is finite at zeros, constants, copies and 1e3', () =>
      expectFiniteEverywhere(term, [
        [3, 2, 2, 3],
        [3, 1, 2, 2],
      ]));
    test('it leaves no tensor but its result', () =>
      expectTidy(
        term,
        [filled([2, 3, 3, 2], 1), filled([2, 2, 2, 2], 3)],
        [filled([2, 3, 3, 2], 2), filled([2, 2, 2, 2], 4)],
      ));
    test('one layer alone and other widths are named', () =>
      tf.tidy(() => {
        expect(() => fsp(pairs(1))).toThrow(
          'fsp: expected at least two layers, the same number of each, got 1 and 1.',
        );
        const [two, three] = [filled([2, 2, 2, 2], 1), filled([2, 2, 2, 3], 1)];
        expect(() => term(stepWith([two, two], [two, three]))).toThrow(
          'fsp: expected student and teacher features with the same number of channels, got [2, 2, 2, 2] and [2, 2, 2, 3]; choose features of equal width.',
        );
      }));
  });
});

describe('ickd', () => {
  const term = ickd(pairs());

  onEveryEngine(() => {
    test('its gradient is that of finite differences, whatever size the teacher has', () =>
      tf.tidy(() =>
        expectTrueGradient(term, [filled([2, 2, 2, 3], 1)], [filled([2, 3, 1, 3], 2)]),
      ));
    test('a student with its teacher’s positions in another order has loss 0', () =>
      tf.tidy(() => {
        const teacher = filled([2, 2, 3, 3], 1);
        const { value, gradients } = lossOf(
          term,
          [tf.mul(tf.reverse(teacher, [1, 2]), -2)],
          [teacher],
        );
        expect(value).toBeCloseTo(0, 6);
        expectClose(gradients[0] as Float32Array, new Array(36).fill(0), 1e-5);
      }));
    test('it is finite at zeros, constants, copies and 1e3', () =>
      expectFiniteEverywhere(term, [[3, 2, 2, 3]]));
    test('it leaves no tensor but its result', () =>
      expectTidy(term, [filled([2, 3, 3, 2], 1)], [filled([2, 2, 2, 2], 2)]));
    test('a regressor maps a student of other channels to those of its teacher, and is trained', () =>
      tf.tidy(() => {
        const [student, teacher] = [filled([2, 2, 2, 2], 1), filled([2, 3, 1, 4], 2)];
        const pair = {
          student: { name: '0', channels: 2, stride: 1 },
          teacher: { name: '0', channels: 4, stride: 1 },
        };
        const embedded = ickd(pair, { regressor: { batchNorm: true }, seed: 3 });
        expect(Object.keys(embedded.weights ?? {})).toEqual([
          'pair0.0.kernel',
          'pair0.0.scale',
          'pair0.0.offset',
        ]);
        expectTrueGradient(embedded, [student], [teacher], 1e-2);
        const kernel = embedded.weights?.['pair0.0.kernel'] as tf.Variable;
        const { grads } = tf.variableGrads(
          () => embedded(stepWith([student], [teacher])),
          [kernel],
        );
        expect(tf.norm(grads[kernel.name] as tf.Tensor).dataSync()[0]).toBeGreaterThan(1e-3);
        tf.dispose(Object.values(embedded.weights ?? {}));
      }));
    test('other widths are named', () =>
      tf.tidy(() => {
        expect(() => term(stepWith([filled([1, 2, 2, 3], 1)], [filled([1, 2, 2, 4], 1)]))).toThrow(
          'ickd: expected student and teacher features with the same number of channels, got [1, 2, 2, 3] and [1, 2, 2, 4]; with regressor: { batchNorm: true } they may differ.',
        );
      }));
  });
});
