import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import {
  type FactorTransferOptions,
  factorTransfer,
  factorTransferPerExample,
} from '../../src/index.ts';
import { expectGradient, featureStep, finite, lossOf, maps, pairAt } from './steps.ts';

const kinds: readonly FactorTransferOptions[] = [
  {},
  { p1: 1, p2: 2 },
  { p1: 3, p2: 3 },
  { p1: 'raw' },
];

onEveryEngine(() => {
  test('the factor is the mean over channels of the squares, at length 1', () =>
    tf.tidy(() => {
      // Means of squares 3 and 4, at length 1 0.6 and 0.8, against 1 and 0.
      const student = tf.tensor4d([Math.sqrt(6), 0, 2, 2], [1, 1, 2, 2]);
      const teacher = tf.tensor4d([3, 0], [1, 1, 2, 1]);
      expectClose(factorTransferPerExample(student, teacher).dataSync(), [0.6], 1e-6);
      expectClose(factorTransferPerExample(student, teacher, { p2: 2 }).dataSync(), [0.4], 1e-6);
      const raw = tf.tensor4d([3, 0, 0, 4], [1, 1, 2, 2]);
      const other = tf.tensor4d([1, 0, 0, 0], [1, 1, 2, 2]);
      expectClose(factorTransferPerExample(raw, other, { p1: 'raw' }).dataSync(), [0.3], 1e-6);
    }));

  test.each(kinds)(
    '%o: the gradient is that of finite differences, with a teacher of another size',
    (options) =>
      tf.tidy(() => {
        const teacher = maps('teacher', [2, 2, 3, 2]);
        const loss = (x: tf.Tensor) =>
          factorTransfer(pairAt(), options)(featureStep([x], [teacher]));
        expectGradient(loss, tf.add(maps('student', [2, 3, 2, 2]), 1.5), 3e-3, 0.005);
      }),
  );

  test.each(kinds)(
    '%o: a student like its teacher costs 0 and has gradient 0; its scale and the order of examples do not matter',
    (options) =>
      tf.tidy(() => {
        const [student, teacher] = [
          tf.add(maps('student', [3, 2, 2, 2]), 1),
          tf.add(maps('teacher', [3, 2, 2, 2]), 1),
        ];
        const same = finite(
          (x) => factorTransfer(pairAt(), options)(featureStep([x], [student])),
          student,
        );
        expect(same).toEqual({ value: 0, gradient: new Array(24).fill(0) });
        const value = lossOf(factorTransfer(pairAt(), options), featureStep([student], [teacher]));
        expect(
          lossOf(factorTransfer(pairAt(), options), featureStep([tf.mul(student, 3)], [teacher])),
        ).toBeCloseTo(value, 5);
        expect(
          lossOf(
            factorTransfer(pairAt(), options),
            featureStep([tf.reverse(student, 0)], [tf.reverse(teacher, 0)]),
          ),
        ).toBeCloseTo(value, 5);
      }),
  );

  test('channels in another order, or more of them, are the same factor', () =>
    tf.tidy(() => {
      const [student, teacher] = [maps('student', [2, 2, 2, 3]), maps('teacher', [2, 2, 2, 2])];
      const value = factorTransferPerExample(student, teacher).dataSync();
      expectClose(
        factorTransferPerExample(tf.reverse(student, 3), teacher).dataSync(),
        value,
        1e-5,
      );
      expectClose(
        factorTransferPerExample(tf.concat([student, student], 3), teacher).dataSync(),
        value,
        1e-5,
      );
    }));

  test.each(kinds)(
    '%o: zeros have gradient 0, activations of 1e3 and a batch of 1 are finite',
    (options) =>
      tf.tidy(() => {
        const loss = (x: tf.Tensor) =>
          factorTransfer(pairAt(), options)(featureStep([x], [maps('teacher', [1, 2, 2, 2], 1e3)]));
        const { gradient, value } = finite(loss, tf.zeros([1, 2, 2, 2]));
        expect(gradient).toEqual(new Array(8).fill(0));
        expect(value).toBeGreaterThan(0);
        finite(loss, maps('student', [1, 2, 2, 2], 1e3));
      }),
  );

  test('it leaves no tensor but its result', async () => {
    const step = featureStep([maps('a', [2, 4, 4, 2])], [maps('b', [2, 3, 3, 3])]);
    await expectNoNewTensors(() => factorTransfer(pairAt())(step).dispose());
    tf.dispose([step.student, step.teacher ?? {}, step.labels] as tf.TensorContainer);
  });

  test('powers that are no whole numbers, raw factors of other widths, rows and a missing teacher are named', () =>
    tf.tidy(() => {
      expect(() => factorTransfer(pairAt(), { p1: 0.5 })).toThrow(
        "factorTransfer: expected p1 as a whole number ≥ 1 or 'raw', got 0.5; 2 is usual.",
      );
      expect(() => factorTransfer(pairAt(), { p2: 0 })).toThrow(
        'factorTransfer: expected p2 as a whole number ≥ 1, got 0; 1 is usual.',
      );
      expect(() =>
        factorTransferPerExample(tf.zeros([1, 2, 2, 3]), tf.zeros([1, 2, 2, 4]), { p1: 'raw' }),
      ).toThrow(
        'factorTransfer: expected raw factors of as many channels, got [1, 2, 2, 3] and [1, 2, 2, 4]; average them: p1: 2.',
      );
      const { teacher: _, ...alone } = featureStep([tf.zeros([1, 3])], []);
      expect(() => factorTransfer(pairAt())(alone)).toThrow(
        'factorTransfer: expected a teacher in the step, got nothing',
      );
      expect(() =>
        factorTransfer(pairAt())(featureStep([tf.zeros([1, 3])], [tf.zeros([1, 3])])),
      ).toThrow(
        'factorTransfer: expected maps [batch, height, width, channels], got a feature of shape [1, 3].',
      );
    }));
});
