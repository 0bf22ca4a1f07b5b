import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import {
  attentionTransfer,
  attentionTransferPerExample,
  cwd,
  cwdPerExample,
  nst,
  nstPerExample,
  pkd,
  softTargetsPerExample,
} from '../../src/index.ts';
import {
  expectFiniteEverywhere,
  expectTidy,
  expectTrueGradient,
  filled,
  lossOf,
  pairs,
  stepWith,
} from './features.ts';

describe('attentionTransfer', () => {
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
    test('pairs of features add up, and the mean of the examples is the term', () =>
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

    test('a wrong power, vectors and missing features are named', () =>
      tf.tidy(() => {
        const features = [maps([2, 2, 2, 3], 1)];
        expect(attentionTransfer(pairs()).needsTeacher).toBe(true);
        expect(() => attentionTransfer(pairs(), { power: 0 })).toThrow(
          'attentionTransfer: expected power ≥ 1, got 0; 2 is usual.',
        );
        expect(() => attentionTransfer([])).toThrow(
          'attentionTransfer: expected at least one pair of features, got none.',
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
});

describe('cwd', () => {
  const [term, soft] = [cwd(pairs()), cwd(pairs(), { temperature: 4 })];

  onEveryEngine(() => {
    test('its gradient is that of finite differences, whatever size the teacher has', () =>
      tf.tidy(() =>
        expectTrueGradient(soft, [filled([2, 3, 2, 3], 1)], [filled([2, 2, 4, 3], 2)]),
      ));
    test('maps of one channel are soft targets over their positions', () =>
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
          'cwd: expected student and teacher features with the same number of channels, got [1, 2, 2, 3] and [1, 2, 2, 4];',
        );
      }));
  });
});

describe('nst', () => {
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
    test('channels that select disjoint positions have the loss 2 over their number', () =>
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
});

describe('pkd', () => {
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
          'pkd: expected student and teacher features with the same number of channels, got [1, 2, 2, 3] and [1, 2, 2, 4]; choose features of equal width.',
        );
      }));
  });
});
