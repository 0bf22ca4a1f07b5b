import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { simKdStudent, studentCnn } from '../src/index.ts';

const classifier = () => ({
  kernel: tf.tensor2d(
    new Float32Array(12).map((_, at) => Math.sin(at)),
    [6, 2],
  ),
  bias: tf.tensor1d([0.5, -0.5]),
});

/** A network whose tap `maps` is its images. */
const passing = {
  weights: {},
  featureInfo: { maps: { channels: 3, stride: 1 }, pooled: { channels: 3, stride: 0 } },
  forward: (images: tf.Tensor4D) => ({
    logits: tf.zeros<tf.Rank.R2>([images.shape[0], 2]),
    features: { maps: images },
  }),
  dispose() {},
};

const images = () =>
  tf.tensor4d(
    new Float32Array(96).map((_, at) => Math.sin(0.7 * at)),
    [2, 4, 4, 3],
  );

onEveryEngine(() => {
  test('the logits are the output of the classifier for the means of the projected maps', () =>
    tf.tidy(() => {
      const { kernel, bias } = classifier();
      const network = simKdStudent(passing, { tap: 'maps', classifier: { kernel, bias }, seed: 1 });
      const { logits, features } = network.forward(images(), { training: true });
      expect(features.projected?.shape).toEqual([2, 4, 4, 6]);
      expect(network.featureInfo?.projected).toEqual({ channels: 6, stride: 1 });
      const expected = tf.add(
        tf.matMul(tf.mean<tf.Tensor2D>(features.projected as tf.Tensor, [1, 2]), kernel),
        bias,
      );
      expectClose(logits.dataSync(), expected.dataSync(), 1e-5);
      network.dispose();
    }));

  test('maxima and a scale where the teacher has them', () =>
    tf.tidy(() => {
      const { kernel, bias } = classifier();
      const network = simKdStudent(passing, {
        tap: 'maps',
        classifier: { kernel, bias, scale: 0.2 },
        pooling: 'max',
        seed: 1,
      });
      const { logits, features } = network.forward(images(), { training: true });
      const expected = tf.mul(
        tf.add(
          tf.matMul(tf.max<tf.Tensor2D>(features.projected as tf.Tensor, [1, 2]), kernel),
          bias,
        ),
        0.2,
      );
      expectClose(logits.dataSync(), expected.dataSync(), 1e-5);
      network.dispose();
    }));

  test('the projector trains, the classifier does not; at inference running averages count and nothing changes', () =>
    tf.tidy(() => {
      const network = simKdStudent(passing, {
        tap: 'maps',
        classifier: classifier(),
        factor: 3,
        seed: 1,
      });
      const shapes = Object.entries(network.weights).map(([name, { shape, trainable }]) => [
        name,
        shape.join(),
        trainable,
      ]);
      expect(shapes).toContainEqual(['projector.conv2.kernel', '3,3,2,2', true]);
      expect(shapes).toContainEqual(['projector.bn3.mean', '6', false]);
      expect(shapes.slice(-2)).toEqual([
        ['classifier.kernel', '6,2', false],
        ['classifier.bias', '2', false],
      ]);
      const first = network.forward(images(), { training: false }).logits.dataSync();
      expectClose(network.forward(images(), { training: false }).logits.dataSync(), first, 0);
      const trainable = Object.values(network.weights).filter((weight) => weight.trainable);
      const { grads } = tf.variableGrads(
        () => tf.sum(tf.square(network.forward(images(), { training: true }).logits)),
        trainable,
      );
      expect(Object.keys(grads)).toHaveLength(9);
      expect(
        Array.from(network.forward(images(), { training: false }).logits.dataSync()),
      ).not.toEqual(Array.from(first));
      network.dispose();
    }));

  test('a student with larger maps than its teacher is averaged first', () =>
    tf.tidy(() => {
      const network = simKdStudent(passing, {
        tap: 'maps',
        classifier: classifier(),
        pool: 2,
        seed: 1,
      });
      const loss = (x: tf.Tensor) =>
        tf.sum(
          tf.square(
            network.forward(x as tf.Tensor4D, { training: true }).features.projected as tf.Tensor,
          ),
        ) as tf.Scalar;
      expect(network.forward(images(), { training: true }).features.projected?.shape).toEqual([
        2, 2, 2, 6,
      ]);
      expect(network.featureInfo?.projected?.stride).toBe(2);
      expect(tf.grad(loss)(images()).shape).toEqual([2, 4, 4, 3]);
      network.dispose();
    }));

  test('dispose frees its student, and not the teacher’s classifier', async () => {
    const teacher = classifier();
    await expectNoNewTensors(() => {
      const student = studentCnn({ classes: 2, seed: 1 });
      const tap =
        Object.entries(student.featureInfo ?? {}).find(([, { stride }]) => stride > 0)?.[0] ?? '';
      simKdStudent(student, { tap, classifier: teacher, seed: 2 }).dispose();
    });
    expect(teacher.kernel.dataSync()).toHaveLength(12);
    tf.dispose([teacher.kernel, teacher.bias]);
  });

  test('taps without maps, classifiers that are no matrix and a factor beyond the channels are named', () =>
    tf.tidy(() => {
      const options = { classifier: classifier(), seed: 1 };
      expect(() => simKdStudent(passing, { ...options, tap: 'pooled' })).toThrow(
        'simKdStudent: expected a tap with maps among maps, pooled, got pooled.',
      );
      expect(() =>
        simKdStudent(passing, { ...options, tap: 'maps', pooling: 'sum' as 'max' }),
      ).toThrow("simKdStudent: expected pooling 'mean' or 'max', got sum.");
      expect(() => simKdStudent(passing, { ...options, tap: 'maps', factor: 7 })).toThrow(
        "simKdStudent: expected a factor of at most the teacher's 6 channels, got 7.",
      );
      expect(() =>
        simKdStudent(passing, { tap: 'maps', classifier: { kernel: tf.zeros([3]) }, seed: 1 }),
      ).toThrow('simKdStudent: expected a kernel [channels, classes], got [3].');
    }));
});
