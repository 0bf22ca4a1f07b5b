import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { fsp } from '../../src/index.ts';
import {
  expectFiniteEverywhere,
  expectTidy,
  expectTrueGradient,
  filled,
  lossOf,
  pairs,
  stepWith,
} from './features.ts';

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
  test('the order of the places does not matter, and a student equal to its teacher costs 0', () =>
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
        'fsp: expected two layers or more, as many of both, got 1 and 1.',
      );
      const [two, three] = [filled([2, 2, 2, 2], 1), filled([2, 2, 2, 3], 1)];
      expect(() => term(stepWith([two, two], [two, three]))).toThrow(
        'fsp: expected student and teacher features with as many channels, got [2, 2, 2, 2] and [2, 2, 2, 3]; take taps where both networks are as wide.',
      );
    }));
});
