import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { semCkd, semCkdPerExample } from '../../src/index.ts';
import {
  expectGradient,
  expectWeightGradients,
  featureStep,
  finite,
  lossOf,
  maps,
  tappedPair,
} from './steps.ts';

function tapsOf(student: readonly number[], teacher: readonly number[]) {
  return {
    student: student.map((channels, at) => tappedPair(channels, 1, at).student),
    teacher: teacher.map((channels, at) => tappedPair(1, channels, at).teacher),
  };
}

onEveryEngine(() => {
  test('each pair of layers counts by its attention, over the number of student layers', () =>
    tf.tidy(() => {
      const [zero, one, two] = [0, 1, 2].map((value) => tf.fill([1, 3], value)) as [
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
      ];
      const attention = tf.tensor3d([0.25, 0.75, 1, 0], [1, 2, 2]);
      const loss = semCkdPerExample(
        [
          [one, two],
          [two, one],
        ],
        [
          [zero, zero],
          [zero, zero],
        ],
        attention,
      );
      expectClose(loss.dataSync(), [(0.25 * 1 + 0.75 * 4 + 1 * 4) / 2], 1e-6);
    }));

  test('its gradients are those of finite differences, to the student and to every weight', () =>
    tf.tidy(() => {
      const term = semCkd(tapsOf([2, 3], [3, 2]), { batchSize: 4, factor: 2, seed: 9 });
      expect(Object.keys(term.weights ?? {})).toHaveLength(4 * 4 + 4 * 7);
      expect(term.weights?.['project0.1.1.kernel']?.shape).toEqual([3, 3, 4, 4]);
      const student = [maps('s0', [4, 2, 2, 2]), maps('s1', [4, 1, 1, 3])] as const;
      const teacher = [maps('t0', [4, 2, 2, 3]), maps('t1', [4, 1, 1, 2])];
      // All ReLUs on, so that finite differences meet no kink.
      for (const [name, weight] of Object.entries(term.weights ?? {}))
        if (/offset$|(key|query).\.0\.bias$/.test(name)) weight.assign(tf.add(weight, 8));
      expectGradient((x) => term(featureStep([student[0], x], teacher)), student[1], 2e-2, 0.005);
      expectWeightGradients(term.weights, () => term(featureStep(student, teacher)), 1e-2, 0.003);
      tf.dispose(Object.values(term.weights ?? {}));
    }));

  test('zeros, activations of 1e3 and a batch of 1 are as finite as any', () =>
    tf.tidy(() => {
      for (const batch of [1, 3]) {
        const term = semCkd(tapsOf([2], [2, 3]), { batchSize: batch, factor: 1 });
        const teacher = [maps('t0', [batch, 2, 2, 2], 1e3), maps('t1', [batch, 1, 1, 3], 1e3)];
        const loss = (x: tf.Tensor) => term(featureStep([x], teacher));
        finite(loss, maps('student', [batch, 2, 2, 2], 1e3));
        finite(loss, tf.zeros([batch, 2, 2, 2]));
        tf.dispose(Object.values(term.weights ?? {}));
      }
    }));

  test('with one teacher layer attention has no choice: the teacher’s part is a hint', () =>
    tf.tidy(() => {
      const term = semCkd(tapsOf([2], [2]), { batchSize: 4 });
      const step = featureStep([maps('s', [4, 2, 2, 2])], [maps('t', [4, 2, 2, 2])]);
      const before = lossOf(term, step);
      for (const [name, weight] of Object.entries(term.weights ?? {}))
        if (/^(key|query)/.test(name)) weight.assign(tf.mul(weight, -3));
      expect(lossOf(term, step)).toBeCloseTo(before, 6);
      tf.dispose(Object.values(term.weights ?? {}));
    }));

  test('it leaves no tensor but its result', async () => {
    const step = featureStep([maps('a', [4, 4, 4, 2])], [maps('b', [4, 2, 2, 3])]);
    const term = semCkd(tapsOf([2], [3]), { batchSize: 4 });
    await expectNoNewTensors(() => term(step).dispose());
    tf.dispose([
      step.student,
      step.teacher ?? {},
      step.labels,
      Object.values(term.weights ?? {}),
    ] as tf.TensorContainer);
  });

  test('batches of another size, a factor beyond them and no taps are named', () =>
    tf.tidy(() => {
      const term = semCkd(tapsOf([2], [3]), { batchSize: 4 });
      expect(() => term(featureStep([maps('a', [2, 1, 1, 2])], [maps('b', [2, 1, 1, 3])]))).toThrow(
        'semCkd: expected batches of 4 pictures, got 2; deal them with dropLast.',
      );
      expect(() => semCkd(tapsOf([2], [3]), { batchSize: 3 })).toThrow(
        'semCkd: expected a batchSize of at least the factor, got [3, 4].',
      );
      expect(() => semCkd(tapsOf([], [3]), { batchSize: 4 })).toThrow(
        'semCkd: expected one pair of taps or more, got none.',
      );
      tf.dispose(Object.values(term.weights ?? {}));
    }));
});
