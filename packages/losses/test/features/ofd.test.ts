import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { ofd, ofdMargin, ofdPerExample } from '../../src/index.ts';
import {
  expectGradient,
  expectWeightGradients,
  featureStep,
  finite,
  lossOf,
  maps,
  pairAt,
  tappedPair,
} from './steps.ts';

const none = { regressor: 'none' } as const;

test('the margin is what a normal channel is on average where it is below 0', () => {
  // Mean 0 and deviation 1: −√(2/π). Mean 3.2: below 0 less than once in 1000, hence three
  // deviations.
  const [standard, scaled, seldom, flat, still] = ofdMargin(
    [1, -2, 1, 0, 0],
    [0, 0, 3.2, -0.4, 0.4],
  );
  expect(standard).toBeCloseTo(-Math.sqrt(2 / Math.PI), 12);
  expect(scaled).toBeCloseTo(-2 * Math.sqrt(2 / Math.PI), 12);
  expect([seldom, flat, still]).toEqual([-3, -0.4, 0]);
  expect(ofdMargin([0.01], [-5])[0]).toBeCloseTo(-5, 12);
  expect(() => ofdMargin([1], [])).toThrow(
    'ofdMargin: expected as many scales as offsets, got [1, 0].',
  );
});

onEveryEngine(() => {
  test('where the teacher is off, only a student above it costs', () =>
    tf.tidy(() => {
      // One channel, margin −1: teacher on; off and clear; off, between the margin and 0; each with
      // a student above and below.
      const student = tf.tensor4d([3, -3, 1, -3, 0.5, -2], [1, 1, 6, 1]);
      const teacher = tf.tensor4d([1, 1, -4, -4, -0.5, -0.5], [1, 1, 6, 1]);
      expectClose(ofdPerExample(student, teacher, [-1]).dataSync(), [4 + 16 + 4 + 0 + 1 + 0], 1e-6);
    }));

  test('its gradient is that of finite differences, through a connector too', () =>
    tf.tidy(() => {
      const [student, teacher] = [maps('student', [2, 4, 4, 2]), maps('teacher', [2, 2, 2, 2])];
      const margin = [-0.4, -0.2];
      expectGradient(
        (x) => ofd({ ...pairAt(), margin }, none)(featureStep([x], [teacher])),
        student,
        5e-3,
        0.002,
      );
      const term = ofd({ ...tappedPair(2, 2), margin });
      expect(Object.keys(term.weights ?? {})).toEqual([
        'pair0.0.kernel',
        'pair0.0.scale',
        'pair0.0.offset',
      ]);
      expectWeightGradients(term.weights, () => term(featureStep([student], [tf.add(teacher, 2)])));
      tf.dispose(Object.values(term.weights ?? {}));
    }));

  test('a student like its teacher, or below where it is off, costs 0 and has gradient 0', () =>
    tf.tidy(() => {
      const teacher = tf.add(maps('teacher', [2, 2, 2, 2]), tf.tensor1d([1.5, -3]));
      const loss = (x: tf.Tensor) =>
        ofd({ ...pairAt(), margin: [-0.5, -1] }, none)(featureStep([x], [teacher]));
      expect(finite(loss, teacher)).toEqual({ value: 0, gradient: new Array(16).fill(0) });
      expect(finite(loss, tf.sub(teacher, tf.tensor1d([0, 7]))).value).toBe(0);
    }));

  test('the last of several pairs counts 1, the one before it a half', () =>
    tf.tidy(() => {
      const step = featureStep(
        [maps('a', [2, 2, 2, 2]), maps('b', [2, 2, 2, 1])],
        [maps('c', [2, 2, 2, 2]), maps('d', [2, 2, 2, 1])],
      );
      const pairs = [
        { ...pairAt(0), margin: [-1, -1] },
        { ...pairAt(1), margin: [-1] },
      ] as const;
      const [first, last] = pairs.map((pair) => lossOf(ofd(pair, none), step)) as [number, number];
      expect(lossOf(ofd(pairs, none), step)).toBeCloseTo(first / 2 + last, 5);
    }));

  test('activations of 1e3, zeros and a batch of 1 are as finite as any', () =>
    tf.tidy(() => {
      const loss = (x: tf.Tensor) =>
        ofd(
          { ...pairAt(), margin: [-1, 0] },
          none,
        )(featureStep([x], [maps('teacher', [1, 2, 2, 2], 1e3)]));
      expect(finite(loss, maps('student', [1, 2, 2, 2], 1e3)).value).toBeGreaterThan(1e3);
      finite(loss, tf.zeros([1, 2, 2, 2]));
    }));

  test('it leaves no tensor but its result', async () => {
    const step = featureStep([maps('a', [2, 4, 4, 2])], [maps('b', [2, 2, 2, 3])]);
    const term = ofd({ ...tappedPair(2, 3), margin: [0, 0, -1] });
    await expectNoNewTensors(() => term(step).dispose());
    tf.dispose([
      step.student,
      step.teacher ?? {},
      step.labels,
      Object.values(term.weights ?? {}),
    ] as tf.TensorContainer);
  });

  test('margins above 0 and for other channels are named', () =>
    tf.tidy(() => {
      expect(() => ofd({ ...pairAt(), margin: [-1, 0.5] }, none)).toThrow(
        'overhaul: expected margins ≤ 0, got 0.5; ofdMargin makes them of a batch norm.',
      );
      expect(() => ofdPerExample(tf.zeros([1, 3]), tf.zeros([1, 3]), [0])).toThrow(
        'overhaul: expected a margin for each of 3 channels, got 1.',
      );
    }));
});
