import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { channelMask, mgd, mgdPerExample, spatialMask } from '../../src/index.ts';
import {
  expectGradient,
  expectWeightGradients,
  featureStep,
  finite,
  lossOf,
  maps,
  tappedPair,
} from './steps.ts';

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

  test('masks hide the asked share of channels or places of every picture, others for other seeds', () =>
    tf.tidy(() => {
      const channels = channelMask(0.25)([50, 3, 3, 40], seedOf(1));
      expect(channels.shape).toEqual([50, 1, 1, 40]);
      expect(Math.abs((tf.mean(channels).dataSync()[0] as number) - 0.75)).toBeLessThan(0.05);
      expect(Array.from(channels.dataSync()).every((kept) => kept === 0 || kept === 1)).toBe(true);
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
      const term = mgd(tappedPair(2, 3), { mask: channelMask(0.4), seed: 2 });
      expect(Object.entries(term.weights ?? {}).map(([name, { shape }]) => [name, shape])).toEqual([
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
      const term = mgd(tappedPair(2, 2), { mask: () => tf.tensor4d([1, 0], [1, 1, 1, 2]) });
      expect(Object.keys(term.weights ?? {})).not.toContain('pair0.align.0.kernel');
      const [student, teacher] = [maps('student', [2, 2, 2, 2]), maps('teacher', [2, 2, 2, 2])];
      const value = lossOf(term, featureStep([student], [teacher]));
      expect(
        lossOf(term, featureStep([tf.add(student, tf.tensor1d([0, 9]))], [teacher])),
      ).toBeCloseTo(value, 5);
      const random = mgd(tappedPair(2, 2), { mask: channelMask(0.5) });
      const [first, again, other] = [1, 1, 4].map((seed) =>
        lossOf(random, { ...featureStep([student], [teacher]), seed: seedOf(seed) }),
      );
      expect(first).toBe(again);
      expect(first).not.toBe(other);
      tf.dispose([...Object.values(term.weights ?? {}), ...Object.values(random.weights ?? {})]);
    }));

  test('activations of 1e3, zeros, a batch of 1 and a teacher of another size are as finite as any', () =>
    tf.tidy(() => {
      const term = mgd(tappedPair(2, 3));
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
    const term = mgd(tappedPair(2, 3));
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
        'maskedPlaces: expected 0 ≤ share < 1, got 1; 0.15 is usual.',
      );
      const term = mgd(tappedPair(2, 2));
      expect(() => term(featureStep([maps('a', [1, 2, 2, 2])], [maps('b', [1, 2, 2, 2])]))).toThrow(
        'channelMask: expected a step with a seed, got nothing; hand in step.seed, as the trainer does.',
      );
      tf.dispose(Object.values(term.weights ?? {}));
    }));
});
