import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import {
  classifierHead,
  hints,
  hintsPerExample,
  projector,
  simKd,
  srrl,
  srrlPerExample,
} from '../../src/index.ts';
import {
  expectGradient,
  expectWeightGradients,
  featureStep,
  finite,
  lossOf,
  maps,
  noise,
  pairAt,
  refPair,
} from './steps.ts';

describe('hints', () => {
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
        const term = hints(refPair(2, 3), {
          regressor: { bias: true, batchNorm: true },
          seed: 3,
        });
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
          const term = hints(refPair(4, 5), { seed });
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
        expect(
          lossOf(hints([pairAt(0), pairAt(1)], none), featureStep(turned, target)),
        ).toBeCloseTo(both, 5);
      }));

    test('activations of 1e3, zeros and a batch of 1 are as finite as any', () =>
      tf.tidy(() => {
        const term = hints(refPair(2, 2), { regressor: { batchNorm: true } });
        const loss = (x: tf.Tensor) => term(featureStep([x], [maps('teacher', [1, 2, 2, 2], 1e3)]));
        finite(loss, maps('student', [1, 2, 2, 2], 1e3));
        finite(loss, tf.zeros([1, 2, 2, 2]));
        tf.dispose(Object.values(term.weights ?? {}));
      }));

    test('it leaves no tensor but its result and its weights', async () => {
      const step = featureStep([maps('a', [2, 4, 4, 2])], [maps('b', [2, 3, 3, 3])]);
      const term = hints(refPair(2, 3), { regressor: { bias: true, batchNorm: true } });
      await expectNoNewTensors(() => term(step).dispose());
      await expectNoNewTensors(() => tf.dispose(Object.values(hints(refPair(2, 3)).weights ?? {})));
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
          "hints: expected a feature with its channels, got '0'; featureRef(network, '0') gives one, or regressor: 'none' where both have as many channels.",
        );
        expect(() => hints([])).toThrow('hints: expected at least one pair of features, got none.');
        expect(() => hintsPerExample(tf.zeros([2, 3]), tf.zeros([2, 4]))).toThrow(
          'hints: expected student features and teacher features of the same shape, got [2, 3] and [2, 4].',
        );
        expect(() => hintsPerExample(tf.zeros([2, 3]), tf.zeros([2, 1, 1, 3]))).toThrow(
          'hints: expected maps, or rows, of both of the same batch, got [2, 3] and [2, 1, 1, 3].',
        );
      }));
  });
});

describe('projector', () => {
  onEveryEngine(() => {
    test('a 1×1 convolution is the same product at every position, and for vectors', () =>
      tf.tidy(() => {
        const { weights, apply } = projector([{ from: 2, to: 3, bias: true, relu: true }]);
        const [kernel, bias] = Object.values(weights) as [tf.Variable, tf.Variable];
        kernel.assign(tf.tensor2d([1, 0, 2, 0, 1, -3], [2, 3]));
        bias.assign(tf.tensor1d([0, 1, 0]));
        expectClose(
          apply(tf.tensor4d([1, 2, 3, 4], [1, 1, 2, 2])).dataSync(),
          [1, 3, 0, 3, 5, 0],
          1e-6,
        );
        expectClose(apply(tf.tensor2d([1, 2, 3, 4], [2, 2])).dataSync(), [1, 3, 0, 3, 5, 0], 1e-6);
        tf.dispose([kernel, bias]);
      }));

    test('a 3×3 convolution keeps the size, with zeros around', () =>
      tf.tidy(() => {
        const { weights, apply } = projector([{ from: 1, to: 1, size: 3 }]);
        (weights['connector.0.kernel'] as tf.Variable).assign(tf.ones([3, 3, 1, 1]));
        expectClose(
          apply(tf.tensor4d([1, 2, 3, 4, 5, 6], [1, 2, 3, 1])).dataSync(),
          [12, 21, 16, 12, 21, 16],
          1e-6,
        );
        tf.dispose(Object.values(weights));
      }));

    test('batch norm takes the statistics of the batch', () =>
      tf.tidy(() => {
        const { weights, apply } = projector([{ from: 1, to: 1, batchNorm: true }]);
        (weights['connector.0.kernel'] as tf.Variable).assign(tf.ones([1, 1]));
        (weights['connector.0.offset'] as tf.Variable).assign(tf.tensor1d([5]));
        expectClose(apply(tf.tensor2d([[1], [3]])).dataSync(), [4, 6], 1e-4);
        tf.dispose(Object.values(weights));
      }));

    test('its weights begin uniform in ±1/√inputs, by name and seed', () =>
      tf.tidy(() => {
        const layers = [
          { from: 40, to: 50 },
          { from: 50, to: 2, size: 3, bias: true },
        ];
        const made = [
          projector(layers),
          projector(layers),
          projector(layers, { seed: 1 }),
          projector(layers, { name: 'other' }),
        ];
        const [first, again, seeded, named] = made.map(({ weights }) =>
          Array.from(Object.values(weights)[0]?.dataSync() ?? []),
        );
        expect(again).toEqual(first);
        expect(seeded).not.toEqual(first);
        expect(named).not.toEqual(first);
        expect(Math.max(...(first ?? []).map(Math.abs))).toBeLessThanOrEqual(1 / Math.sqrt(40));
        expect(Math.max(...(first ?? []).map(Math.abs))).toBeGreaterThan(0.95 / Math.sqrt(40));
        expect(Object.keys(made[3]?.weights ?? {})).toEqual([
          'other.0.kernel',
          'other.1.kernel',
          'other.1.bias',
        ]);
        tf.dispose(made.flatMap(({ weights }) => Object.values(weights)));
      }));

    test('it leaves no tensor but its result', async () => {
      const x = maps('x', [2, 3, 3, 2]);
      const { weights, apply } = projector([
        { from: 2, to: 3, batchNorm: true, relu: true },
        { from: 3, to: 1, size: 3, bias: true },
      ]);
      await expectNoNewTensors(() => apply(x).dispose());
      tf.dispose([x, ...Object.values(weights)]);
    });

    test('layers that do not fit and features of other channels are named', () =>
      tf.tidy(() => {
        expect(() => projector([])).toThrow('projector: expected at least one layer, got none.');
        expect(() => projector([{ from: 2, to: 3, size: 2 }])).toThrow(
          'projector: expected from and to ≥ 1 and an odd size, got [2, 3, 2].',
        );
        const gap = [
          { from: 2, to: 3 },
          { from: 4, to: 1 },
        ];
        expect(() => projector(gap)).toThrow(
          'projector: expected layer 1 to take the 3 channels of the one before, got 4.',
        );
        const { weights, apply } = projector([{ from: 2, to: 3 }]);
        expect(() => apply(noise<tf.Rank.R2>('x', [2, 5]))).toThrow(
          'connector.0: expected features of 2 channels, got [2, 5].',
        );
        tf.dispose(Object.values(weights));
      }));
  });
});

describe('srrl', () => {
  const classifier = (channels: number) => ({
    kernel: noise<tf.Rank.R2>('kernel', [channels, 3]),
    bias: tf.tensor1d([0.5, 0, -1]),
  });

  onEveryEngine(() => {
    test('it is the squared error of the features and of the classifier’s logits for them', () =>
      tf.tidy(() => {
        const kernel = tf.tensor2d([1, 0, 2, 1], [2, 2]);
        const [student, teacher] = [tf.tensor2d([[1, 2]]), tf.tensor2d([[0, 0]])];
        // Features (1, 2) apart, logits (5, 2).
        expectClose(srrlPerExample(student, teacher, { kernel }).dataSync(), [2.5 + 14.5], 1e-6);
        expectClose(
          srrlPerExample(
            student,
            teacher,
            { kernel, bias: tf.tensor1d([7, 8]) },
            { alpha: 2, beta: 0 },
          ).dataSync(),
          [5],
          1e-6,
        );
        expectClose(
          srrlPerExample(student, teacher, { kernel, scale: 0.2 }, { alpha: 0 }).dataSync(),
          [14.5 / 25],
          1e-6,
        );
      }));

    test.each([
      ['maps', maps('student', [3, 2, 2, 2]), maps('teacher', [3, 1, 3, 4])],
      ['rows', noise<tf.Rank.R2>('student', [3, 2]), noise<tf.Rank.R2>('teacher', [3, 4])],
    ] as const)('its gradients are those of finite differences, at %s', (_, student, teacher) =>
      tf.tidy(() => {
        const [own, target] = [
          tf.tensor(student.dataSync(), student.shape),
          tf.tensor(teacher.dataSync(), teacher.shape),
        ];
        const term = srrl(refPair(2, 4), classifier(4), {
          beta: 0.5,
          regressor: { batchNorm: true },
          seed: 3,
        });
        expect(Object.keys(term.weights ?? {})).toEqual([
          'pair0.0.kernel',
          'pair0.0.scale',
          'pair0.0.offset',
        ]);
        expectGradient((x) => term(featureStep([x], [target])), own, 1e-2, 0.01);
        expectWeightGradients(term.weights, () => term(featureStep([own], [target])));
        tf.dispose(Object.values(term.weights ?? {}));
      }),
    );

    test('a student with the teacher’s means costs 0 and has gradient 0', () =>
      tf.tidy(() => {
        const [student, teacher] = [
          maps('same', [2, 2, 2, 4]),
          tf.reverse(maps('same', [2, 2, 2, 4]), 1),
        ];
        const { value, gradient } = finite(
          (x) => srrl(pairAt(), classifier(4), { regressor: 'none' })(featureStep([x], [teacher])),
          student,
        );
        expect(value).toBeLessThan(1e-12);
        expectClose(gradient, new Array(32).fill(0), 1e-6);
      }));

    test('activations of 1e3, zeros and a batch of 1 are as finite as any', () =>
      tf.tidy(() => {
        const term = srrl(refPair(2, 2), classifier(2));
        const loss = (x: tf.Tensor) => term(featureStep([x], [maps('teacher', [1, 2, 2, 2], 1e3)]));
        finite(loss, maps('student', [1, 2, 2, 2], 1e3));
        finite(loss, tf.zeros([1, 2, 2, 2]));
        tf.dispose(Object.values(term.weights ?? {}));
      }));

    test('SimKD is the mean square of the projected features apart', () =>
      tf.tidy(() => {
        const step = featureStep(
          [tf.tensor4d([1, 3], [1, 1, 2, 1])],
          [tf.tensor4d([0, 2, 4, 2], [1, 2, 2, 1])],
        );
        expect(lossOf(simKd(pairAt()), step)).toBeCloseTo((1 + 1) / 2, 6);
      }));

    test('it leaves no tensor but its result', async () => {
      const step = featureStep([maps('a', [2, 4, 4, 2])], [maps('b', [2, 2, 2, 3])]);
      const own = classifier(3);
      const term = srrl(refPair(2, 3), own);
      await expectNoNewTensors(() => term(step).dispose());
      tf.dispose([
        step.student,
        step.teacher ?? {},
        step.labels,
        own,
        Object.values(term.weights ?? {}),
      ] as tf.TensorContainer);
    });

    test('a classifier is found by the name of its layer; one for other channels or none is named', () =>
      tf.tidy(() => {
        const [kernel, bias] = [tf.variable(tf.zeros([3, 2])), tf.variable(tf.zeros([2]))];
        expect(classifierHead({ weights: { 'fc.kernel': kernel, 'fc.bias': bias } })).toEqual({
          kernel,
          bias,
        });
        expect(classifierHead({ weights: { 'head.kernel': kernel } }, 'head')).toEqual({ kernel });
        expect(() =>
          classifierHead({
            name: 'ResNet-8',
            weights: { 'head.kernel': kernel, 'head.bias': bias },
          }),
        ).toThrow(
          'classifierHead: expected fc.kernel [channels, classes] among the weights of ResNet-8, got weights that end in head.kernel, head.bias.',
        );
        expect(() => srrlPerExample(tf.zeros([1, 4]), tf.zeros([1, 4]), { kernel })).toThrow(
          'srrl: expected a classifier [4, classes], got [3, 2].',
        );
        kernel.dispose();
        bias.dispose();
      }));
  });
});
