import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import {
  channelMask,
  mgd,
  mgdPerExample,
  spatialMask,
  vid,
  vidPerExample,
} from '../../src/index.ts';
import {
  expectGradient,
  expectWeightGradients,
  featureStep,
  finite,
  lossOf,
  maps,
  noise,
  refPair,
} from './steps.ts';

describe('mgd', () => {
  const seedOf = (number: number) => tf.tensor1d([number, 7], 'int32');

  onEveryEngine(() => {
    test('it is the sum of the squares of an example', () =>
      tf.tidy(() => {
        const generated = tf.tensor4d([1, 2, 3, 4], [2, 1, 2, 1]);
        expectClose(
          mgdPerExample(generated, tf.tensor4d([0, 0, 3, 1], [2, 1, 2, 1])).dataSync(),
          [5, 9],
          1e-6,
        );
      }));

    test('masks hide the requested share of channels or positions of every image, others for other seeds', () =>
      tf.tidy(() => {
        const channels = channelMask(0.25)([50, 3, 3, 40], seedOf(1));
        expect(channels.shape).toEqual([50, 1, 1, 40]);
        expect(Math.abs((tf.mean(channels).dataSync()[0] as number) - 0.75)).toBeLessThan(0.05);
        expect(Array.from(channels.dataSync()).every((kept) => kept === 0 || kept === 1)).toBe(
          true,
        );
        expect(spatialMask(0.5)([2, 3, 4, 5], seedOf(1)).shape).toEqual([2, 3, 4, 1]);
        expect(Array.from(channelMask(0.25)([50, 3, 3, 40], seedOf(2)).dataSync())).not.toEqual(
          Array.from(channels.dataSync()),
        );
        expect(Array.from(channelMask(0.25)([50, 3, 3, 40], seedOf(1)).dataSync())).toEqual(
          Array.from(channels.dataSync()),
        );
      }));

    test('its gradients are those of finite differences, to the student and to every weight', () =>
      tf.tidy(() => {
        const [student, teacher] = [maps('student', [2, 3, 3, 2]), maps('teacher', [2, 3, 3, 3])];
        const term = mgd(refPair(2, 3), { mask: channelMask(0.4), seed: 2 });
        expect(
          Object.entries(term.weights ?? {}).map(([name, { shape }]) => [name, shape]),
        ).toEqual([
          ['pair0.align.0.kernel', [2, 3]],
          ['pair0.align.0.bias', [3]],
          ['pair0.generation.0.kernel', [3, 3, 3, 3]],
          ['pair0.generation.0.bias', [3]],
          ['pair0.generation.1.kernel', [3, 3, 3, 3]],
          ['pair0.generation.1.bias', [3]],
        ]);
        const step = (x: tf.Tensor) => ({ ...featureStep([x], [teacher]), seed: seedOf(5) });
        expectGradient((x) => term(step(x)), student, 1e-2, 0.005);
        expectWeightGradients(term.weights, () => term(step(student)), 1e-2);
        tf.dispose(Object.values(term.weights ?? {}));
      }));

    test('what is hidden does not count; a step draws its mask from its seed', () =>
      tf.tidy(() => {
        const term = mgd(refPair(2, 2), { mask: () => tf.tensor4d([1, 0], [1, 1, 1, 2]) });
        expect(Object.keys(term.weights ?? {})).not.toContain('pair0.align.0.kernel');
        const [student, teacher] = [maps('student', [2, 2, 2, 2]), maps('teacher', [2, 2, 2, 2])];
        const value = lossOf(term, featureStep([student], [teacher]));
        expect(
          lossOf(term, featureStep([tf.add(student, tf.tensor1d([0, 9]))], [teacher])),
        ).toBeCloseTo(value, 5);
        const random = mgd(refPair(2, 2), { mask: channelMask(0.5) });
        const [first, again, other] = [1, 1, 4].map((seed) =>
          lossOf(random, { ...featureStep([student], [teacher]), seed: seedOf(seed) }),
        );
        expect(first).toBe(again);
        expect(first).not.toBe(other);
        tf.dispose([...Object.values(term.weights ?? {}), ...Object.values(random.weights ?? {})]);
      }));

    test('activations of 1e3, zeros, a batch of 1 and a teacher of another size are as finite as any', () =>
      tf.tidy(() => {
        const term = mgd(refPair(2, 3));
        const loss = (x: tf.Tensor) =>
          term({ ...featureStep([x], [maps('teacher', [1, 3, 3, 3], 1e3)]), seed: seedOf(1) });
        finite(loss, maps('student', [1, 4, 4, 2], 1e3));
        finite(loss, tf.zeros([1, 2, 2, 2]));
        tf.dispose(Object.values(term.weights ?? {}));
      }));

    test('it leaves no tensor but its result', async () => {
      const step = {
        ...featureStep([maps('a', [2, 4, 4, 2])], [maps('b', [2, 2, 2, 3])]),
        seed: seedOf(1),
      };
      const term = mgd(refPair(2, 3));
      await expectNoNewTensors(() => term(step).dispose());
      tf.dispose([
        step.student,
        step.teacher ?? {},
        step.labels,
        step.seed,
        Object.values(term.weights ?? {}),
      ] as tf.TensorContainer);
    });

    test('a share of 1 and a step without a seed are named', () =>
      tf.tidy(() => {
        expect(() => spatialMask(1)).toThrow(
          'spatialMask: expected 0 ≤ share < 1, got 1; 0.15 is usual.',
        );
        const term = mgd(refPair(2, 2));
        expect(() =>
          term(featureStep([maps('a', [1, 2, 2, 2])], [maps('b', [1, 2, 2, 2])])),
        ).toThrow(
          'channelMask: expected a step with a seed, got nothing; pass step.seed, as the trainer does.',
        );
        tf.dispose(Object.values(term.weights ?? {}));
      }));
  });
});

describe('vid', () => {
  /** The scale whose softplus is v. */
  const scaleOf = (v: number) => Math.log(Math.expm1(v));

  onEveryEngine(() => {
    test('it is the negative log likelihood of a Gaussian with one variance a channel, without its constant', () =>
      tf.tidy(() => {
        const prediction = tf.tensor2d([1, 2, 0, 0], [2, 2]);
        const teacher = tf.tensor2d([3, 2, 0, 4], [2, 2]);
        const logScale = tf.tensor1d([scaleOf(2), scaleOf(0.5)]);
        const [first, second] = [Math.log(2), Math.log(0.5)];
        const expected = [(4 / 2 + first + second) / 4, (16 / 0.5 + first + second) / 4];
        expectClose(
          vidPerExample(prediction, teacher, logScale, { epsilon: 1e-9 }).dataSync(),
          expected,
          1e-5,
        );
      }));

    test('its gradients are those of finite differences, to the student and to every weight', () =>
      tf.tidy(() => {
        const [student, teacher] = [
          tf.add(maps('student', [2, 4, 4, 2]), 2),
          maps('teacher', [2, 2, 2, 3]),
        ];
        const term = vid(refPair(2, 3), { hidden: 4, initialVariance: 0.7, seed: 4 });
        expect(
          Object.entries(term.weights ?? {}).map(([name, { shape }]) => [name, shape]),
        ).toEqual([
          ['pair0.0.kernel', [2, 4]],
          ['pair0.1.kernel', [4, 4]],
          ['pair0.2.kernel', [4, 3]],
          ['pair0.logScale', [3]],
        ]);
        expectGradient((x) => term(featureStep([x], [teacher])), student, 5e-3);
        expectWeightGradients(term.weights, () => term(featureStep([student], [teacher])), 1e-2);
        tf.dispose(Object.values(term.weights ?? {}));
      }));

    test('every channel begins with the initial variance: at equal features the loss is half its logarithm', () =>
      tf.tidy(() => {
        const logScale = (variance: number) => {
          const { weights = {} } = vid(refPair(2, 3), { initialVariance: variance });
          const value = (weights['pair0.logScale'] as tf.Variable).clone();
          tf.dispose(Object.values(weights));
          return value as tf.Tensor1D;
        };
        const features = maps('features', [2, 2, 2, 3]);
        for (const variance of [5, 0.1]) {
          expectClose(
            vidPerExample(features, features, logScale(variance)).dataSync(),
            [1, 1].map((one) => (one * Math.log(variance)) / 2),
            1e-5,
          );
        }
      }));

    test('the order of the examples does not matter, rows are as good as maps', () =>
      tf.tidy(() => {
        const [student, teacher] = [
          noise<tf.Rank.R2>('student', [3, 2]),
          noise<tf.Rank.R2>('teacher', [3, 4]),
        ];
        const term = vid(refPair(2, 4));
        const value = lossOf(term, featureStep([student], [teacher]));
        expect(
          lossOf(term, featureStep([tf.reverse(student, 0)], [tf.reverse(teacher, 0)])),
        ).toBeCloseTo(value, 5);
        tf.dispose(Object.values(term.weights ?? {}));
      }));

    test('activations of 1e3, zeros and a batch of 1 are as finite as any', () =>
      tf.tidy(() => {
        const term = vid(refPair(2, 2));
        const loss = (x: tf.Tensor) => term(featureStep([x], [maps('teacher', [1, 2, 2, 2], 1e3)]));
        finite(loss, maps('student', [1, 2, 2, 2], 1e3));
        finite(loss, tf.zeros([1, 2, 2, 2]));
        tf.dispose(Object.values(term.weights ?? {}));
      }));

    test('it leaves no tensor but its result and its weights', async () => {
      const step = featureStep([maps('a', [2, 4, 4, 2])], [maps('b', [2, 2, 2, 3])]);
      const term = vid(refPair(2, 3));
      await expectNoNewTensors(() => term(step).dispose());
      await expectNoNewTensors(() => tf.dispose(Object.values(vid(refPair(2, 3)).weights ?? {})));
      tf.dispose([
        step.student,
        step.teacher ?? {},
        step.labels,
        Object.values(term.weights ?? {}),
      ] as tf.TensorContainer);
    });

    test('a variance below epsilon and scales for other channels are named', () =>
      tf.tidy(() => {
        expect(() => vid(refPair(2, 3), { initialVariance: 0 })).toThrow(
          'vid: expected 0 < epsilon < initialVariance, got [0.00001, 0]; 1e-5 and 5 are usual.',
        );
        expect(() => vidPerExample(tf.zeros([1, 3]), tf.zeros([1, 3]), tf.zeros([2]))).toThrow(
          'vid: expected logScale [channels] of shape [3], got [2].',
        );
      }));
  });
});
