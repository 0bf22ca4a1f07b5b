/** The contract with an engine that brings a kernel of its own: see src/normalizeBatch.ts. */
import { expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { normalizeBatch } from '../src/index.ts';

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

  test('the kernel gives output, mean and variance, and nothing else comes out', async () => {
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

  test('its own gradient is taken', async () => {
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
