import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { classifierHead, simKd, srrl, srrlPerExample } from '../../src/index.ts';
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

const classifier = (channels: number) => ({
  kernel: noise<tf.Rank.R2>('kernel', [channels, 3]),
  bias: tf.tensor1d([0.5, 0, -1]),
});

onEveryEngine(() => {
  test('it is the square of the features apart and of what the classifier says of them', () =>
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
      const term = srrl(tappedPair(2, 4), classifier(4), {
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
      const term = srrl(tappedPair(2, 2), classifier(2));
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
    const term = srrl(tappedPair(2, 3), own);
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
        classifierHead({ name: 'ResNet-8', weights: { 'head.kernel': kernel, 'head.bias': bias } }),
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
