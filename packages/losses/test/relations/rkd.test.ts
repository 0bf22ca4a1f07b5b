import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { rkd, rkdBatchwise } from '../../src/index.ts';
import { distancesByDifferences, distancesByProduct } from '../../src/shared/linalg.ts';
import {
  expectFinite,
  expectFiniteEverywhere,
  expectTidy,
  expectTrueGradient,
  filled,
  lossOf,
  pairs,
} from './features.ts';

const forms = [{}, { distanceWeight: 0 }, { angleWeight: 0 }, { normalize: true }];

onEveryEngine(() => {
  test.each(forms)('with %o the gradient is that of finite differences', (options) =>
    tf.tidy(() =>
      expectTrueGradient(
        rkd(pairs(), options),
        [filled([4, 3], 1)],
        [filled([4, 2, 1, 2], 2)],
        1e-2,
      ),
    ),
  );
  test('a turned, scaled and shifted student costs 0', () =>
    tf.tidy(() => {
      const teacher = filled([5, 4], 1);
      const { value, gradients } = lossOf(
        rkd(pairs()),
        [tf.add(tf.mul(tf.reverse(teacher, 1), 2), 3)],
        [teacher],
      );
      expect(value).toBeCloseTo(0, 6);
      expectClose(gradients[0] as Float32Array, new Array(20).fill(0), 1e-4);
    }));
  test.each(forms)('with %o the order of the examples does not matter', (options) =>
    tf.tidy(() => {
      const [student, teacher] = [filled([5, 3], 1), filled([5, 6], 2)];
      const reversed = lossOf(
        rkd(pairs(), options),
        [tf.reverse(student, 0)],
        [tf.reverse(teacher, 0)],
      ).value;
      expectClose([reversed], [lossOf(rkd(pairs(), options), [student], [teacher]).value], 1e-5);
    }),
  );
  test('of many differences one product says the same', () =>
    tf.tidy(() => {
      const rows = tf.concat([filled([4, 6], 1), tf.slice(filled([4, 6], 1), 2, 1)]) as tf.Tensor2D;
      const told = [distancesByDifferences, distancesByProduct].map((by) => {
        const weigh = (x: tf.Tensor): tf.Tensor => tf.sum(tf.mul(x, filled(x.shape, 7)));
        const of = (x: tf.Tensor): tf.Scalar =>
          tf.add(weigh(by(x as tf.Tensor2D).squared), weigh(by(x as tf.Tensor2D).cosines()));
        const { squared, apart, cosines } = by(rows);
        return [squared, tf.cast(apart, 'float32'), cosines(), tf.grad(of)(rows)].map((x) =>
          x.dataSync(),
        );
      }) as [Float32Array[], Float32Array[]];
      for (const [at, values] of told[0].entries())
        expectClose(told[1][at] as Float32Array, values, 1e-5);
    }));
  test('both weights at 0 are 0, with a gradient', () =>
    tf.tidy(() =>
      expectFinite(
        rkd(pairs(), { distanceWeight: 0, angleWeight: 0 }),
        [filled([3, 3], 1)],
        [filled([3, 3], 2)],
        0,
      ),
    ));
  test('copies far from the origin are copies', () =>
    tf.tidy(() => {
      const [row, other] = [tf.fill([1, 64], 900.3), tf.fill([1, 64], 901.3)];
      const [copies, apart] = [
        tf.concat([row, row, other]),
        tf.concat([row, tf.add(row, 1e-1), other]),
      ];
      // Distances over their mean: the student's 0, 1.5 and 1.5, the teacher's 0.15, 1.5 and 1.35;
      // each counts twice among nine.
      expectClose(rkdBatchwise(copies, copies, { angleWeight: 0 }).dataSync(), [0], 0);
      expect(rkdBatchwise(copies, apart, { angleWeight: 0 }).dataSync()[0]).toBeCloseTo(
        (25 * 4 * 0.5 * 0.15 ** 2) / 9,
        3,
      );
    }));
  test.each(forms)(
    'with %o it is finite at zeros, constants, copies and 1e3, and 0 in a batch of one',
    (options) => {
      expectFiniteEverywhere(rkd(pairs(), options), [[3, 4]], [[3, 5]]);
      tf.tidy(() =>
        expectFinite(rkd(pairs(), options), [filled([1, 4], 1)], [filled([1, 3], 2)], 0),
      );
    },
  );
  test('it leaves no tensor but its result', () =>
    expectTidy(rkd(pairs()), [filled([3, 4], 1)], [filled([3, 5], 2)]));
  test('a negative weight is named', () => {
    expect(() => rkd(pairs(), { angleWeight: -1 })).toThrow(
      'relational: expected angleWeight ≥ 0, got -1; 25 for distances and 50 for angles are usual.',
    );
  });
});
