import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { activationBoundaries, activationBoundariesPerExample } from '../../src/index.ts';
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

onEveryEngine(() => {
  test('a neuron costs the square of what it is short of the boundary by the margin, times 3/1000', () =>
    tf.tidy(() => {
      const student = tf.tensor2d([0.5, 2, -3, 1, -1, -2], [1, 6]);
      const teacher = tf.tensor2d([1, 1, 1, 0, -1, -1], [1, 6]);
      expectClose(
        activationBoundariesPerExample(student, teacher).dataSync(),
        [0.003 * (0.25 + 0 + 16 + 4 + 0 + 0)],
        1e-6,
      );
      expectClose(
        activationBoundariesPerExample(student, teacher, { margin: 2 }).dataSync(),
        [0.003 * (2.25 + 0 + 25 + 9 + 1 + 0)],
        1e-6,
      );
    }));

  test('only the sign of the teacher counts', () =>
    tf.tidy(() => {
      const [student, teacher] = [maps('student', [2, 2, 2, 3]), maps('teacher', [2, 2, 2, 3])];
      const value = activationBoundariesPerExample(student, teacher).dataSync();
      expectClose(
        activationBoundariesPerExample(student, tf.sign(teacher)).dataSync(),
        value,
        1e-6,
      );
    }));

  test('its gradient is that of finite differences, through a connector too', () =>
    tf.tidy(() => {
      const [student, teacher] = [maps('student', [2, 4, 4, 2]), maps('teacher', [2, 2, 2, 3])];
      expectGradient(
        (x) =>
          activationBoundaries(pairAt(), { ...none, margin: 4 })(
            featureStep([x], [maps('teacher', [2, 2, 2, 2])]),
          ),
        student,
      );
      const term = activationBoundaries(tappedPair(2, 3), { margin: 5 });
      expect(Object.keys(term.weights ?? {})).toEqual([
        'pair0.0.kernel',
        'pair0.0.scale',
        'pair0.0.offset',
      ]);
      expectGradient((x) => term(featureStep([x], [teacher])), student, 5e-3);
      expectWeightGradients(term.weights, () => term(featureStep([student], [teacher])));
      tf.dispose(Object.values(term.weights ?? {}));
    }));

  test('a student beyond the margins costs 0 and has gradient 0', () =>
    tf.tidy(() => {
      const teacher = maps('teacher', [2, 2, 2, 2]);
      const same = finite(
        (x) => activationBoundaries(pairAt(), none)(featureStep([x], [teacher])),
        tf.mul(tf.sign(teacher), 1.5),
      );
      expect(same).toEqual({ value: 0, gradient: new Array(16).fill(0) });
    }));

  test('the last of several pairs counts 1, the one before it a half', () =>
    tf.tidy(() => {
      const step = featureStep(
        [maps('a', [2, 2, 2, 2]), maps('b', [2, 2, 2, 3])],
        [maps('c', [2, 2, 2, 2]), maps('d', [2, 2, 2, 3])],
      );
      const [first, last] = [0, 1].map((at) =>
        lossOf(activationBoundaries(pairAt(at), none), step),
      ) as [number, number];
      expect(lossOf(activationBoundaries([pairAt(0), pairAt(1)], none), step)).toBeCloseTo(
        first / 2 + last,
        6,
      );
    }));

  test('activations of 1e3, zeros and a batch of 1 are as finite as any', () =>
    tf.tidy(() => {
      const loss = (x: tf.Tensor) =>
        activationBoundaries(
          pairAt(),
          none,
        )(featureStep([x], [maps('teacher', [1, 2, 2, 2], 1e3)]));
      finite(loss, maps('student', [1, 2, 2, 2], 1e3));
      expect(finite(loss, tf.zeros([1, 2, 2, 2])).value).toBeCloseTo(0.003 * 8, 6);
    }));

  test('it leaves no tensor but its result', async () => {
    const step = featureStep([maps('a', [2, 4, 4, 2])], [maps('b', [2, 2, 2, 3])]);
    const term = activationBoundaries(tappedPair(2, 3));
    await expectNoNewTensors(() => term(step).dispose());
    tf.dispose([
      step.student,
      step.teacher ?? {},
      step.labels,
      Object.values(term.weights ?? {}),
    ] as tf.TensorContainer);
  });

  test('a margin of 0 and other shapes are named', () =>
    tf.tidy(() => {
      expect(() => activationBoundaries(pairAt(), { ...none, margin: 0 })).toThrow(
        'activationBoundaries: expected margin > 0, got 0; 1 is usual.',
      );
      expect(() => activationBoundariesPerExample(tf.zeros([1, 3]), tf.zeros([1, 2]))).toThrow(
        'activationBoundaries: expected student features and teacher features of the same shape, got [1, 3] and [1, 2].',
      );
    }));
});
