import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import {
  activationBoundaries,
  activationBoundariesPerExample,
  type FactorTransferOptions,
  factorTransfer,
  factorTransferPerExample,
  ofd,
  ofdMargin,
  ofdPerExample,
} from '../../src/index.ts';
import {
  expectGradient,
  expectWeightGradients,
  featureStep,
  finite,
  lossOf,
  maps,
  pairAt,
  refPair,
} from './steps.ts';

describe('ofd', () => {
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
        expectClose(
          ofdPerExample(student, teacher, [-1]).dataSync(),
          [4 + 16 + 4 + 0 + 1 + 0],
          1e-6,
        );
      }));

    test('its gradient is that of finite differences, through a regressor too', () =>
      tf.tidy(() => {
        const [student, teacher] = [maps('student', [2, 4, 4, 2]), maps('teacher', [2, 2, 2, 2])];
        const margin = [-0.4, -0.2];
        expectGradient(
          (x) => ofd({ ...pairAt(), margin }, none)(featureStep([x], [teacher])),
          student,
          5e-3,
          0.002,
        );
        const term = ofd({ ...refPair(2, 2), margin });
        expect(Object.keys(term.weights ?? {})).toEqual([
          'pair0.0.kernel',
          'pair0.0.scale',
          'pair0.0.offset',
        ]);
        expectWeightGradients(term.weights, () =>
          term(featureStep([student], [tf.add(teacher, 2)])),
        );
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
        const [first, last] = pairs.map((pair) => lossOf(ofd(pair, none), step)) as [
          number,
          number,
        ];
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
      const term = ofd({ ...refPair(2, 3), margin: [0, 0, -1] });
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
          'ofd: expected margins ≤ 0, got 0.5; ofdMargin computes them from a batch norm.',
        );
        expect(() => ofdPerExample(tf.zeros([1, 3]), tf.zeros([1, 3]), [0])).toThrow(
          'ofd: expected a margin for each of 3 channels, got 1.',
        );
      }));
  });
});

describe('activationBoundaries', () => {
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

    test('its gradient is that of finite differences, through a regressor too', () =>
      tf.tidy(() => {
        const [student, teacher] = [maps('student', [2, 4, 4, 2]), maps('teacher', [2, 2, 2, 3])];
        expectGradient(
          (x) =>
            activationBoundaries(pairAt(), { ...none, margin: 4 })(
              featureStep([x], [maps('teacher', [2, 2, 2, 2])]),
            ),
          student,
        );
        const term = activationBoundaries(refPair(2, 3), { margin: 5 });
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
      const term = activationBoundaries(refPair(2, 3));
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
});

describe('factorTransfer', () => {
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
          const value = lossOf(
            factorTransfer(pairAt(), options),
            featureStep([student], [teacher]),
          );
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
            factorTransfer(
              pairAt(),
              options,
            )(featureStep([x], [maps('teacher', [1, 2, 2, 2], 1e3)]));
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
          'factorTransfer: expected raw factors with the same number of channels, got [1, 2, 2, 3] and [1, 2, 2, 4]; p1: 2 averages over the channels.',
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
});
