import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { attentionTransfer, attentionTransferPerExample } from '../../src/index.ts';
import {
  expectFiniteEverywhere,
  expectTidy,
  expectTrueGradient,
  filled,
  lossOf,
  pairs,
  stepWith,
} from './features.ts';

const forms = [{}, { power: 4 }, { power: 1.5 }, { distance: 'length' as const }];
const maps = (shape: number[], seed: number) => filled(shape, seed) as tf.Tensor4D;

onEveryEngine(() => {
  test.each(forms)(
    'with %o the gradient is that of finite differences, whatever width and size the teacher has',
    (options) =>
      tf.tidy(() => {
        expectTrueGradient(
          attentionTransfer(pairs(), options),
          [maps([2, 3, 2, 2], 1)],
          [maps([2, 2, 3, 4], 2)],
          5e-3,
        );
      }),
  );
  test.each(forms)(
    'with %o a student that looks where its teacher looks costs 0, however strong and in whichever order its channels are',
    (options) =>
      tf.tidy(() => {
        const teacher = maps([2, 3, 3, 4], 1);
        const alike = tf.mul(tf.reverse(teacher, -1), 3);
        const { value, gradients } = lossOf(
          attentionTransfer(pairs(), options),
          [alike],
          [teacher],
        );
        expect(value).toBeCloseTo(0, 6);
        if (options.distance === undefined)
          expectClose(gradients[0] as Float32Array, new Array(72).fill(0), 1e-6);
      }),
  );
  test('pairs of taps add up, and the mean of the examples is the term', () =>
    tf.tidy(() => {
      const [student, teacher] = [maps([3, 4, 4, 2], 1), maps([3, 2, 2, 5], 2)];
      const [one, two] = [
        lossOf(attentionTransfer(pairs()), [student], [teacher]).value,
        lossOf(attentionTransfer(pairs(2)), [student, student], [teacher, teacher]),
      ];
      expectClose([two.value], [2 * one], 1e-6);
      expectClose(tf.mean(attentionTransferPerExample(student, teacher)).dataSync(), [one], 1e-6);
    }));
  test.each(forms)('with %o it is finite at zeros, constants, copies and 1e3', (options) =>
    expectFiniteEverywhere(attentionTransfer(pairs(), options), [[3, 2, 2, 3]], [[3, 4, 3, 2]]),
  );
  test('it leaves no tensor but its result', () =>
    expectTidy(attentionTransfer(pairs()), [maps([2, 3, 3, 2], 1)], [maps([2, 2, 2, 2], 2)]));

  test('a wrong power, rows and taps that are not there are named', () =>
    tf.tidy(() => {
      const features = [maps([2, 2, 2, 3], 1)];
      expect(attentionTransfer(pairs()).needsTeacher).toBe(true);
      expect(() => attentionTransfer(pairs(), { power: 0 })).toThrow(
        'attentionTransfer: expected power ≥ 1, got 0; 2 is usual.',
      );
      expect(() => attentionTransfer([])).toThrow(
        'attentionTransfer: expected one pair of taps or more, got none.',
      );
      expect(() => attentionTransfer(pairs())(stepWith(features))).toThrow(
        'attentionTransfer: expected a teacher in the step, got nothing',
      );
      expect(() => attentionTransfer(pairs())(stepWith([filled([2, 3], 1)], features))).toThrow(
        'attentionTransfer: expected maps [batch, height, width, channels], got a feature of shape [2, 3].',
      );
      expect(() => attentionTransfer(pairs(2))(stepWith(features, features))).toThrow(
        "attentionTransfer: expected a feature '1', got features 0;",
      );
    }));
});
