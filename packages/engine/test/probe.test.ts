import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { startEngine } from '../src/index.ts';
import { expected, filterWeights, pixels, probeTraining } from '../src/probe.ts';

/** Σ conv(x, filter)² of the probe, in plain loops. */
function loss(x: readonly number[], filter: readonly number[]): number {
  let sum = 0;
  for (let row = 0; row < 4; row++) {
    for (let column = 0; column < 4; column++) {
      for (const output of [0, 1]) sum += convolved(x, filter, row, column, output) ** 2;
    }
  }
  return sum;
}

function convolved(
  x: readonly number[],
  filter: readonly number[],
  row: number,
  column: number,
  output: number,
): number {
  let y = 0;
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) {
      const [r, c] = [row + i - 1, column + j - 1];
      if (r >= 0 && r < 4 && c >= 0 && c < 4)
        y += (x[r * 4 + c] as number) * (filter[(i * 3 + j) * 2 + output] as number);
    }
  }
  return y;
}

/** Exact for a quadratic function but for rounding. */
function slopes(f: (values: readonly number[]) => number, at: readonly number[]): number[] {
  return at.map((_, index) => (f(moved(at, index, 1)) - f(moved(at, index, -1))) / 2);
}

function moved(values: readonly number[], index: number, by: number): number[] {
  return values.map((value, at) => (at === index ? value + by : value));
}

test('the numbers that the probe expects are those of a convolution', () => {
  expect(loss(pixels, filterWeights)).toBe(expected.loss);
  expect(slopes((x) => loss(x, filterWeights), pixels)).toEqual(expected.pixelGradient);
  expect(slopes((filter) => loss(pixels, filter), filterWeights)).toEqual(expected.filterGradient);
  const stepped = filterWeights.map(
    (value, at) => value - (expected.filterGradient[at] as number) / 1024,
  );
  expect(loss(pixels, stepped)).toBeCloseTo(expected.lossAfterStep, 3);
});

test('an engine that computes a gradient wrongly does not pass', async () => {
  await startEngine({ engine: 'cpu', log: () => {} });
  const right = tf.getKernel('Conv2DBackpropFilter', 'cpu') as tf.KernelConfig;
  const doubled: tf.KernelFunc = (call) =>
    tf.mul(tf.engine().makeTensorFromTensorInfo(right.kernelFunc(call) as tf.TensorInfo), 2);
  tf.unregisterKernel('Conv2DBackpropFilter', 'cpu');
  tf.registerKernel({ ...right, kernelFunc: (call) => tf.tidy(() => doubled(call) as tf.Tensor) });
  expect(await probeTraining()).toBe(
    'one training step computed filterGradient[1] as 124, which is 62',
  );
  tf.unregisterKernel('Conv2DBackpropFilter', 'cpu');
  tf.registerKernel(right);
  expect(await probeTraining()).toBeUndefined();
});
