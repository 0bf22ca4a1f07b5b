import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import {
  attentionFusion,
  hierarchicalContextPerExample,
  review,
  semCkd,
  semCkdPerExample,
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

describe('review', () => {
  onEveryEngine(() => {
    test('maps are compared at their own size and averaged, each at half the weight of the one before', () =>
      tf.tidy(() => {
        const student = tf.tensor4d([1, 3, 5, 7], [1, 2, 2, 1]);
        const teacher = tf.zeros<tf.Rank.R4>([1, 2, 2, 1]);
        expectClose(
          hierarchicalContextPerExample(student, teacher).dataSync(),
          [(21 + 16 / 2) / 1.5],
          1e-6,
        );
        expectClose(
          hierarchicalContextPerExample(student, teacher, { levels: [] }).dataSync(),
          [21],
          1e-6,
        );
        const wide = tf.concat([student, student], 2);
        expectClose(
          hierarchicalContextPerExample(wide, tf.zerosLike(wide), { levels: [2, 1] }).dataSync(),
          [(21 + 16 / 2) / 1.5],
          1e-6,
        );
      }));

    test('the gradient of the comparison is that of finite differences, where bins overlap too', () =>
      tf.tidy(() => {
        const teacher = maps('teacher', [2, 5, 5, 2]);
        const loss = (x: tf.Tensor) =>
          tf.mean(hierarchicalContextPerExample(x as tf.Tensor4D, teacher)) as tf.Scalar;
        expectGradient(loss, maps('student', [2, 5, 5, 2]));
        expect(finite(loss, teacher)).toEqual({ value: 0, gradient: new Array(100).fill(0) });
      }));

    test('a block weighs its own maps and those of the deeper block by attention to both', () =>
      tf.tidy(() => {
        const block = attentionFusion({ from: 2, middle: 2, to: 1, fuses: true });
        const { 'fusion.attention.0.kernel': kernel, 'fusion.attention.0.bias': bias } =
          block.weights;
        kernel?.assign(tf.zeros([4, 2]));
        bias?.assign(tf.tensor1d([-100, 100]));
        const deeper = maps('deeper', [2, 2, 2, 2]);
        const { carried, output } = block.apply(maps('own', [2, 4, 4, 2]), deeper, [4, 4]);
        // All attention is on the deeper maps, each pixel of which stands at four places.
        expectClose(
          tf.slice(carried, [0, 2, 1, 0], [2, 1, 1, 2]).dataSync(),
          tf.slice(deeper, [0, 1, 0, 0], [2, 1, 1, 2]).dataSync(),
          1e-6,
        );
        expect(output.shape).toEqual([2, 4, 4, 1]);
        expect(block.apply(maps('own', [2, 4, 4, 2]), deeper, [6, 3]).output.shape).toEqual([
          2, 6, 3, 1,
        ]);
        tf.dispose(Object.values(block.weights));
      }));

    test('the whole review: every weight and the student get the gradients of finite differences', () =>
      tf.tidy(() => {
        const pairs = [refPair(2, 3, 0), refPair(3, 2, 1), refPair(4, 4, 2)];
        const term = review(pairs, { middle: 2, seed: 8 });
        const student = [
          maps('s0', [3, 3, 3, 2]),
          maps('s1', [3, 2, 2, 3]),
          noise<tf.Rank.R2>('s2', [3, 4]),
        ] as const;
        const teacher = [
          maps('t0', [3, 4, 4, 3]),
          maps('t1', [3, 2, 2, 2]),
          noise<tf.Rank.R2>('t2', [3, 4]),
        ];
        expect(Object.keys(term.weights ?? {})).toHaveLength(6 * 3 + 2 * 2);
        expectWeightGradients(term.weights, () => term(featureStep(student, teacher)), 2e-2);
        expectGradient(
          (x) => term(featureStep([student[0], x, student[2]], teacher)),
          student[1],
          2e-2,
        );
        tf.dispose(Object.values(term.weights ?? {}));
      }));

    test('the order of the examples does not matter', () =>
      tf.tidy(() => {
        const term = review([refPair(2, 3, 0), refPair(3, 2, 1)]);
        const student = [maps('s0', [3, 2, 2, 2]), maps('s1', [3, 1, 1, 3])];
        const teacher = [maps('t0', [3, 2, 2, 3]), maps('t1', [3, 1, 1, 2])];
        const turn = (all: readonly tf.Tensor[]) => all.map((one) => tf.reverse(one, 0));
        expect(lossOf(term, featureStep(turn(student), turn(teacher)))).toBeCloseTo(
          lossOf(term, featureStep(student, teacher)),
          5,
        );
        tf.dispose(Object.values(term.weights ?? {}));
      }));

    test('activations of 1e3, zeros and a batch of 1 are as finite as any', () =>
      tf.tidy(() => {
        const term = review([refPair(2, 2, 0), refPair(2, 2, 1)]);
        const [deep, targets] = [
          noise<tf.Rank.R2>('deep', [1, 2]),
          [maps('t0', [1, 2, 2, 2], 1e3), noise<tf.Rank.R2>('t1', [1, 2])],
        ];
        const loss = (x: tf.Tensor) => term(featureStep([x, deep], targets));
        finite(loss, maps('student', [1, 2, 2, 2], 1e3));
        finite(loss, tf.zeros([1, 2, 2, 2]));
        tf.dispose(Object.values(term.weights ?? {}));
      }));

    test('it leaves no tensor but its result and its weights', async () => {
      const step = featureStep(
        [maps('a', [2, 4, 4, 2]), maps('b', [2, 2, 2, 3])],
        [maps('c', [2, 4, 4, 3]), maps('d', [2, 1, 1, 2])],
      );
      const pairs = [refPair(2, 3, 0), refPair(3, 2, 1)];
      const term = review(pairs);
      await expectNoNewTensors(() => term(step).dispose());
      await expectNoNewTensors(() => tf.dispose(Object.values(review(pairs).weights ?? {})));
      tf.dispose([
        step.student,
        step.teacher ?? {},
        step.labels,
        Object.values(term.weights ?? {}),
      ] as tf.TensorContainer);
    });

    test('levels below 1, other shapes and maps of another width than the feature’s are named', () =>
      tf.tidy(() => {
        expect(() => review(refPair(2, 3), { levels: [4, 0] })).toThrow(
          'review: expected levels as whole numbers ≥ 1, got [4, 0]; [4, 2, 1] is usual.',
        );
        expect(() =>
          hierarchicalContextPerExample(tf.zeros([1, 2, 2, 3]), tf.zeros([1, 2, 2, 2])),
        ).toThrow(
          'review: expected student maps and teacher maps of the same shape, got [1, 2, 2, 3] and [1, 2, 2, 2].',
        );
        const term = review(refPair(2, 3));
        expect(() => term(featureStep([tf.zeros([1, 2, 2, 5])], [tf.zeros([1, 2, 2, 3])]))).toThrow(
          'stage0.in.0: expected features of 2 channels, got [1, 2, 2, 5].',
        );
        tf.dispose(Object.values(term.weights ?? {}));
      }));
  });
});

describe('semCkd', () => {
  function tapsOf(student: readonly number[], teacher: readonly number[]) {
    return {
      student: student.map((channels, at) => refPair(channels, 1, at).student),
      teacher: teacher.map((channels, at) => refPair(1, channels, at).teacher),
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

    test('batches of another size, a factor beyond them and no features are named', () =>
      tf.tidy(() => {
        const term = semCkd(tapsOf([2], [3]), { batchSize: 4 });
        expect(() =>
          term(featureStep([maps('a', [2, 1, 1, 2])], [maps('b', [2, 1, 1, 3])])),
        ).toThrow('semCkd: expected batches of 4 images, got 2; set dropLast for the batches.');
        expect(() => semCkd(tapsOf([2], [3]), { batchSize: 3 })).toThrow(
          'semCkd: expected a batchSize of at least the factor, got [3, 4].',
        );
        expect(() => semCkd(tapsOf([], [3]), { batchSize: 4 })).toThrow(
          'semCkd: expected at least one pair of features, got none.',
        );
        tf.dispose(Object.values(term.weights ?? {}));
      }));
  });
});
