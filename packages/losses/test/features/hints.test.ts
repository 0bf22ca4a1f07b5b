import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { hints, hintsPerExample } from '../../src/index.ts';
import {
  expectGradient,
  expectWeightGradients,
  featureStep,
  finite,
  lossOf,
  maps,
  noise,
  pairAt,
  tappedPair,
} from './steps.ts';

onEveryEngine(() => {
  test('it is the mean square of the difference, for each example', () =>
    tf.tidy(() => {
      const student = tf.tensor2d([1, 2, 3, 4], [2, 2]);
      const teacher = tf.tensor2d([1, 0, 0, 0], [2, 2]);
      expectClose(hintsPerExample(student, teacher).dataSync(), [2, 12.5], 1e-6);
    }));

  test('the larger of two maps is averaged to the smaller, whichever it is', () =>
    tf.tidy(() => {
      const large = tf.tensor4d([0, 2, 4, 6, 1, 1, 1, 1], [2, 2, 2, 1]);
      const small = tf.tensor4d([5, 0], [2, 1, 1, 1]);
      expectClose(hintsPerExample(large, small).dataSync(), [4, 1], 1e-6);
      expectClose(hintsPerExample(small, large).dataSync(), [4, 1], 1e-6);
    }));

  test('without a regressor its gradient is that of finite differences, at equal features 0', () =>
    tf.tidy(() => {
      const teacher = maps('teacher', [2, 3, 3, 2]);
      const loss = (x: tf.Tensor) =>
        hints(pairAt(), { regressor: 'none' })(featureStep([x], [teacher]));
      expectGradient(loss, maps('student', [2, 5, 4, 2]));
      expect(finite(loss, teacher)).toEqual({ value: 0, gradient: new Array(36).fill(0) });
    }));

  test('a regressor puts the student on the teacher’s channels, and trains', () =>
    tf.tidy(() => {
      const term = hints(tappedPair(2, 3), { regressor: { bias: true, batchNorm: true }, seed: 3 });
      const { weights = {} } = term;
      expect(Object.entries(weights).map(([name, { shape }]) => [name, shape])).toEqual([
        ['pair0.0.kernel', [2, 3]],
        ['pair0.0.bias', [3]],
        ['pair0.0.scale', [3]],
        ['pair0.0.offset', [3]],
      ]);
      const [student, teacher] = [maps('student', [2, 2, 2, 2]), maps('teacher', [2, 2, 2, 3])];
      expectWeightGradients(weights, () => term(featureStep([student], [teacher])));
      tf.dispose(Object.values(weights));
    }));

  test('rows take a linear regressor; seeds make the first weights, the same ones every time', () =>
    tf.tidy(() => {
      const [student, teacher] = [
        noise<tf.Rank.R2>('rows', [3, 4]),
        noise<tf.Rank.R2>('teacher', [3, 5]),
      ];
      const values = [1, 1, 2].map((seed) => {
        const term = hints(tappedPair(4, 5), { seed });
        const value = lossOf(term, featureStep([student], [teacher]));
        tf.dispose(Object.values(term.weights ?? {}));
        return value;
      });
      expect(values[0]).toBe(values[1]);
      expect(values[0]).not.toBe(values[2]);
    }));

  test('several pairs add up, the order of the examples does not matter', () =>
    tf.tidy(() => {
      const [a, b] = [maps('a', [2, 2, 2, 3]), maps('b', [2, 4, 4, 2])];
      const [c, d] = [maps('c', [2, 2, 2, 3]), maps('d', [2, 2, 2, 2])];
      const none = { regressor: 'none' } as const;
      const both = lossOf(hints([pairAt(0), pairAt(1)], none), featureStep([a, b], [c, d]));
      const single = [0, 1].map((at) =>
        lossOf(hints(pairAt(at), none), featureStep([a, b], [c, d])),
      );
      expect(both).toBeCloseTo((single[0] as number) + (single[1] as number), 5);
      const [turned, target] = [
        [a, b],
        [c, d],
      ].map((all) => all.map((one) => tf.reverse(one, 0))) as [tf.Tensor[], tf.Tensor[]];
      expect(lossOf(hints([pairAt(0), pairAt(1)], none), featureStep(turned, target))).toBeCloseTo(
        both,
        5,
      );
    }));

  test('activations of 1e3, zeros and a batch of 1 are as finite as any', () =>
    tf.tidy(() => {
      const term = hints(tappedPair(2, 2), { regressor: { batchNorm: true } });
      const loss = (x: tf.Tensor) => term(featureStep([x], [maps('teacher', [1, 2, 2, 2], 1e3)]));
      finite(loss, maps('student', [1, 2, 2, 2], 1e3));
      finite(loss, tf.zeros([1, 2, 2, 2]));
      tf.dispose(Object.values(term.weights ?? {}));
    }));

  test('it leaves no tensor but its result and its weights', async () => {
    const step = featureStep([maps('a', [2, 4, 4, 2])], [maps('b', [2, 3, 3, 3])]);
    const term = hints(tappedPair(2, 3), { regressor: { bias: true, batchNorm: true } });
    await expectNoNewTensors(() => term(step).dispose());
    await expectNoNewTensors(() =>
      tf.dispose(Object.values(hints(tappedPair(2, 3)).weights ?? {})),
    );
    tf.dispose([
      step.student,
      step.teacher ?? {},
      step.labels,
      Object.values(term.weights ?? {}),
    ] as tf.TensorContainer);
  });

  test('names without channels, other channels and rows against maps are named', () =>
    tf.tidy(() => {
      expect(() => hints(pairAt())).toThrow(
        "hints: expected a tap that knows its channels, got '0'; featureRef(network, '0') gives one, or regressor: 'none' where both have as many channels.",
      );
      expect(() => hints([])).toThrow('hints: expected one pair of taps or more, got none.');
      expect(() => hintsPerExample(tf.zeros([2, 3]), tf.zeros([2, 4]))).toThrow(
        'hints: expected student features and teacher features of the same shape, got [2, 3] and [2, 4].',
      );
      expect(() => hintsPerExample(tf.zeros([2, 3]), tf.zeros([2, 1, 1, 3]))).toThrow(
        'hints: expected maps, or rows, of both for the same pictures, got [2, 3] and [2, 1, 1, 3].',
      );
    }));
});
