import { expectClose, expectNoNewTensors, numericalGradient, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { normal, normalizeBatch } from '../src/index.ts';

const epsilon = 1e-3;

function numbers(shape: number[], stream: number, size = 1, centre = 0): tf.Tensor {
  const length = shape.reduce((product, side) => product * side, 1);
  return tf.tensor(
    Float32Array.from({ length }, (_, index) => centre + size * normal(1, stream, index)),
    shape,
  );
}

/** The definition, with each step differentiated by TensorFlow.js. */
function composed(x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor): tf.Tensor {
  const { mean, variance } = tf.moments(x, x.rank === 4 ? [0, 1, 2] : [0]);
  return tf.add(tf.mul(scale, tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, epsilon)))), offset);
}

const output = (x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor): tf.Tensor =>
  normalizeBatch(x as tf.Tensor4D, scale as tf.Tensor1D, offset as tf.Tensor1D, epsilon).output;

onEveryEngine(() => {
  test.each([[[3, 4, 4, 5]], [[6, 5]], [[1, 2, 2, 5]], [[8, 1, 1, 5]]])(
    'output, mean and variance of %j',
    async (shape) => {
      await expectNoNewTensors(() =>
        tf.tidy(() => {
          const [x, scale, offset] = [numbers(shape, 0, 2, 3), numbers([5], 1), numbers([5], 2)];
          const places = shape.length === 4 ? [0, 1, 2] : [0];
          const wanted = tf.moments(x, places);
          const got = normalizeBatch(
            x as tf.Tensor4D,
            scale as tf.Tensor1D,
            offset as tf.Tensor1D,
            epsilon,
          );
          expect([got.output.shape, got.mean.shape, got.variance.shape]).toEqual([shape, [5], [5]]);
          expectClose(got.mean.dataSync(), wanted.mean.dataSync(), 1e-5);
          expectClose(got.variance.dataSync(), wanted.variance.dataSync(), 1e-5);
          expectClose(got.output.dataSync(), composed(x, scale, offset).dataSync(), 1e-5);
        }),
      );
    },
  );

  test.each([[[3, 4, 4, 5]], [[6, 5]]])(
    'gradients of %j are those of the composition',
    async (shape) => {
      await expectNoNewTensors(() =>
        tf.tidy(() => {
          const inputs = [numbers(shape, 0, 2, 3), numbers([5], 1), numbers([5], 2)] as [
            tf.Tensor,
            tf.Tensor,
            tf.Tensor,
          ];
          const dy = numbers(shape, 3);
          const got = tf.grads(output)(inputs, dy);
          const wanted = tf.grads(composed)(inputs, dy);
          got.forEach((gradient, at) => {
            expect(gradient.shape).toEqual((wanted[at] as tf.Tensor).shape);
            expectClose(gradient.dataSync(), (wanted[at] as tf.Tensor).dataSync(), 2e-5);
          });
        }),
      );
    },
  );

  test('gradients against finite differences', () => {
    tf.tidy(() => {
      const [x, scale, offset] = [numbers([2, 2, 2, 2], 0), numbers([2], 1, 1, 1), numbers([2], 2)];
      const dy = numbers([2, 2, 2, 2], 3);
      const lossOf = (x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor): tf.Scalar =>
        tf.sum(tf.mul(dy, output(x, scale, offset)));
      const [dx, dScale, dOffset] = tf.grads(lossOf)([x, scale, offset]) as [
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
      ];
      expectClose(
        dx.dataSync(),
        numericalGradient((moved) => lossOf(moved, scale, offset), x),
        2e-3,
      );
      expectClose(
        dScale.dataSync(),
        numericalGradient((moved) => lossOf(x, moved, offset), scale),
        1e-3,
      );
      expectClose(
        dOffset.dataSync(),
        numericalGradient((moved) => lossOf(x, scale, moved), offset),
        1e-3,
      );
    });
  });

  test('mean and variance have no gradient', () => {
    tf.tidy(() => {
      const [x, scale, offset] = [numbers([2, 2, 2, 3], 0), numbers([3], 1), numbers([3], 2)];
      const withStatistics = tf.grad((x: tf.Tensor) => {
        const { output, mean, variance } = normalizeBatch(
          x as tf.Tensor4D,
          scale as tf.Tensor1D,
          offset as tf.Tensor1D,
          epsilon,
        );
        return tf.add(tf.add(tf.sum(tf.square(output)), tf.sum(mean)), tf.sum(variance));
      });
      const alone = tf.grad((x: tf.Tensor) => tf.sum(tf.square(output(x, scale, offset))));
      expectClose(withStatistics(x).dataSync(), alone(x).dataSync(), 1e-6);
    });
  });

  test('a channel that is the same everywhere stays finite', () => {
    tf.tidy(() => {
      const [x, scale, offset] = [
        tf.fill([2, 3, 3, 2], 7),
        tf.tensor1d([1, 2]),
        tf.tensor1d([0.5, -0.5]),
      ];
      expectClose(
        output(x, scale, offset).dataSync(),
        tf.add(tf.zeros(x.shape), offset).dataSync(),
        1e-6,
      );
      const dx = tf.grad((x: tf.Tensor) => tf.sum(tf.square(output(x, scale, offset))))(x);
      expectClose(dx.dataSync(), new Float32Array(x.size), 1e-4);
    });
  });

  test('a training step leaves no tensor', async () => {
    const scale = tf.variable(tf.ones([3]) as tf.Tensor1D, true);
    const offset = tf.variable(tf.zeros([3]) as tf.Tensor1D, true);
    await expectNoNewTensors(() => {
      const x = numbers([2, 2, 2, 3], 0);
      const { value, grads } = tf.variableGrads(
        () => tf.sum(tf.square(output(x, scale, offset))) as tf.Scalar,
        [scale, offset],
      );
      tf.dispose([x, value, grads as unknown as tf.Tensor]);
    });
    tf.dispose([scale, offset]);
  });

  test('wrong shapes and epsilon are refused', () => {
    tf.tidy(() => {
      const [x, three, four] = [
        tf.zeros([2, 2, 2, 3]) as tf.Tensor4D,
        tf.zeros([3]) as tf.Tensor1D,
        tf.zeros([4]) as tf.Tensor1D,
      ];
      expect(() => normalizeBatch(x, four, three, epsilon)).toThrow(
        new RangeError('normalizeBatch: expected scale [channels] of shape [3], got [4].'),
      );
      expect(() => normalizeBatch(x, three, four, epsilon)).toThrow(
        new RangeError('normalizeBatch: expected offset [channels] of shape [3], got [4].'),
      );
      expect(() => normalizeBatch(x, three, three, -1)).toThrow(
        new RangeError('normalizeBatch: expected epsilon ≥ 0, got -1; 1e-5 is usual.'),
      );
      expect(() => normalizeBatch(three as unknown as tf.Tensor2D, three, three, epsilon)).toThrow(
        new RangeError(
          'normalizeBatch: expected x [batch, height, width, channels] or [batch, channels], got [3].',
        ),
      );
    });
  });
});

/** The contract with an engine that brings a kernel of its own: see src/normalizeBatch.ts. */

const kernelName = 'KdBatchNorm';

onEveryEngine((engine) => {
  const calls: unknown[] = [];
  let kernelBefore: tf.KernelConfig | undefined;
  let gradientBefore: tf.GradConfig | undefined;

  beforeEach(() => {
    calls.length = 0;
    kernelBefore = tf.getKernel(kernelName, engine);
    gradientBefore = tf.getGradient(kernelName);
    if (kernelBefore !== undefined) tf.unregisterKernel(kernelName, engine);
    if (gradientBefore !== undefined) tf.unregisterGradient(kernelName);
    tf.registerKernel({ kernelName, backendName: engine, kernelFunc: recordedKernel });
    tf.registerGradient({
      kernelName,
      inputsToSave: ['x'],
      outputsToSave: [false, true, false, true],
      gradFunc: recordedGradient,
    });
  });

  afterEach(() => {
    tf.unregisterKernel(kernelName, engine);
    tf.unregisterGradient(kernelName);
    if (kernelBefore !== undefined) tf.registerKernel(kernelBefore);
    if (gradientBefore !== undefined) tf.registerGradient(gradientBefore);
  });

  /**
   * Numbers that nobody would compute: output 1, mean 2, variance 3, and one more for its own
   * gradient.
   */
  function recordedKernel({
    inputs,
    attrs,
  }: {
    inputs: tf.NamedTensorInfoMap;
    attrs?: tf.NamedAttrMap | undefined;
  }): tf.TensorInfo[] {
    const { x, scale, offset } = inputs as Record<'x' | 'scale' | 'offset', tf.TensorInfo>;
    calls.push({ x: x.shape, scale: scale.shape, offset: offset.shape, attrs });
    return [
      tf.fill(x.shape as number[], 1),
      tf.fill(scale.shape, 2),
      tf.fill(scale.shape, 3),
      tf.fill(scale.shape, 4),
    ];
  }

  function recordedGradient(
    dy: tf.Tensor | tf.Tensor[],
    saved: tf.Tensor[],
  ): Record<string, () => tf.Tensor> {
    const [x, mean, more] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
    calls.push({ dy: (dy as tf.Tensor[])[0]?.shape });
    return { x: () => tf.mul(x, mean), scale: () => tf.clone(more), offset: () => tf.add(more, 1) };
  }

  test('the kernel returns output, mean and variance, and nothing else is returned', async () => {
    await expectNoNewTensors(() => {
      const inputs = [
        tf.zeros([2, 3, 3, 2]) as tf.Tensor4D,
        tf.ones([2]) as tf.Tensor1D,
        tf.zeros([2]) as tf.Tensor1D,
      ] as const;
      const { output, mean, variance } = normalizeBatch(...inputs, 1e-3);
      expect(calls).toEqual([
        { x: [2, 3, 3, 2], scale: [2], offset: [2], attrs: { epsilon: 1e-3 } },
      ]);
      expect([output.shape, mean.shape, variance.shape]).toEqual([[2, 3, 3, 2], [2], [2]]);
      expect([output.dataSync()[0], mean.dataSync()[0], variance.dataSync()[0]]).toEqual([1, 2, 3]);
      tf.dispose([...inputs, output, mean, variance]);
    });
  });

  test('its own gradient is used', async () => {
    await expectNoNewTensors(() => {
      tf.tidy(() => {
        const inputs = [tf.fill([4, 2], 5), tf.ones([2]), tf.zeros([2])];
        const output = (x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor): tf.Tensor =>
          normalizeBatch(x as tf.Tensor2D, scale as tf.Tensor1D, offset as tf.Tensor1D, 1e-3)
            .output;
        const gradients = tf.grads(output)(inputs);
        expect(calls).toEqual([
          { x: [4, 1, 1, 2], scale: [2], offset: [2], attrs: { epsilon: 1e-3 } },
          { dy: [4, 1, 1, 2] },
        ]);
        expect(gradients.map((gradient) => [gradient.shape, gradient.dataSync()[0]])).toEqual([
          [[4, 2], 10],
          [[2], 4],
          [[2], 5],
        ]);
      });
    });
  });
});
