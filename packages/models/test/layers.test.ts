import { normal, uniform } from '@kd/core';
import { expectClose, expectNoNewTensors, numericalGradient, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import {
  batchNorm,
  convolution,
  dense,
  elementwise,
  globalMaxPool,
  kaimingNormalFanOut,
  maxPool,
  relu,
  residual,
  scale,
  sequential,
  torchDefaultUniform,
} from '../src/index.ts';
import { subsample } from '../src/layers/subsample.ts';
import { firstValues } from './firstValues.ts';

const inference = { training: false };

onEveryEngine(() => {
  test.each([
    { size: 3, stride: 1, padding: 1, side: 5 },
    { size: 3, stride: 2, padding: 1, side: 6 },
    { size: 3, stride: 2, padding: 1, side: 7 },
    { size: 7, stride: 2, padding: 3, side: 9 },
    { size: 1, stride: 2, padding: 0, side: 6 },
    { size: 5, stride: 3, padding: 1, side: 8 },
    { size: 2, stride: 1, padding: 1, side: 4 },
  ])(
    'convolution pads as PyTorch does: size $size, stride $stride, padding $padding, side $side',
    ({ size, stride, padding, side }) => {
      const layer = convolution({ from: 2, to: 3, size, stride, padding, bias: true })('conv', 5);
      const x = wave([2, side, side, 2]);
      const y = layer.apply(x, inference);
      expectClose(y.dataSync(), convolvedByHand(x, layer.weights, stride, padding), 1e-5);
      const target = wave(y.shape);
      const loss = (images: tf.Tensor) =>
        tf.sum(tf.mul(layer.apply(images, inference), target)) as tf.Scalar;
      const gradient = tf.grad(loss)(x);
      if (side <= 6) expectClose(gradient.dataSync(), numericalGradient(loss, x), 1e-3);
      tf.dispose([x, y, target, gradient, layer.weights as Record<string, tf.Variable>]);
    },
  );

  test('gradients through batch norm, pools and both kinds of residual equal finite differences', () => {
    const plan = sequential({
      stem: convolution({ from: 2, to: 4 }),
      bn: batchNorm({ channels: 4 }),
      smooth: elementwise((x) => tf.tanh(x)),
      widen: residual({
        body: { conv: convolution({ from: 4, to: 8, stride: 2 }) },
        shortcut: subsample({ from: 4, to: 8, stride: 2 }),
      }),
      keep: residual({
        body: { conv: convolution({ from: 8, to: 8 }), smooth: elementwise((x) => tf.tanh(x)) },
      }),
      pooled: globalMaxPool(),
      fc: dense({ from: 8, to: 3 }),
    });
    const layer = plan('net', 3);
    const x = wave([2, 4, 4, 2]);
    for (const training of [true, false]) {
      const loss = (images: tf.Tensor) =>
        tf.mean(tf.square(layer.apply(images, { training }))) as tf.Scalar;
      const gradient = tf.grad(loss)(x);
      expectClose(gradient.dataSync(), numericalGradient(loss, x, 0.01), 2e-3);
      gradient.dispose();
    }
    tf.dispose([x, layer.weights as Record<string, tf.Variable>]);
  });

  test('subsample keeps every second pixel and puts half of the zeros before', async () => {
    const layer = subsample({ from: 2, to: 5, stride: 2 })('shortcut', 0);
    const x = tf.tensor4d(
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18],
      [1, 3, 3, 2],
    );
    await expectNoNewTensors(() => {
      const y = layer.apply(x, inference);
      expect(y.arraySync()).toEqual([
        [
          [
            [0, 1, 2, 0, 0],
            [0, 5, 6, 0, 0],
          ],
          [
            [0, 13, 14, 0, 0],
            [0, 17, 18, 0, 0],
          ],
        ],
      ]);
      y.dispose();
    });
    x.dispose();
  });
});

test('relu, times and maxPool do as they are called', () => {
  const layer = sequential({ relu: relu(), double: scale(2), pool: maxPool() })('own', 0);
  const y = layer.apply(tf.tensor4d([-1, 2, -3, -4], [1, 2, 2, 1]), inference);
  expect([y.shape, Array.from(y.dataSync())]).toEqual([[1, 1, 1, 1], [4]]);
});

test('weights start from draws of (seed, name) alone', () => {
  const he = firstValues(kaimingNormalFanOut, { fanIn: 9, fanOut: 18 }, 77, 6);
  expectClose(
    he,
    Array.from({ length: 6 }, (_, at) => normal(77, 0, at) / 3),
    1e-6,
  );
  const drawn = firstValues(torchDefaultUniform, { fanIn: 16, fanOut: 1 }, 77, 6);
  expectClose(
    drawn,
    Array.from({ length: 6 }, (_, at) => (2 * uniform(77, 0, at) - 1) / 4),
    1e-6,
  );
  const many = firstValues(kaimingNormalFanOut, { fanIn: 1, fanOut: 50 }, 1, 40_000);
  const mean = many.reduce((sum, value) => sum + value, 0) / many.length;
  const variance = many.reduce((sum, value) => sum + (value - mean) ** 2, 0) / many.length;
  expect(Math.abs(mean)).toBeLessThan(0.003);
  expect(Math.abs(variance / 0.04 - 1)).toBeLessThan(0.03);
});

test('wrong options and shapes are named', () => {
  expect(() => convolution({ from: 3, to: 0 })).toThrow(
    'convolution: expected from, to, size and stride as whole numbers ≥ 1, got [3, 0, 3, 1].',
  );
  expect(() => dense({ from: 3, to: 4 })('fc', 0).apply(tf.zeros([2, 5]), inference)).toThrow(
    'fc: expected vectors [batch, 3], got [2, 5]; pool or flatten the maps before, and count the channels again.',
  );
  expect(() =>
    convolution({ from: 3, to: 4 })('stage1.conv', 0).apply(tf.zeros([1, 4, 4, 1]), inference),
  ).toThrow('stage1.conv: expected feature maps [batch, height, width, 3], got [1, 4, 4, 1].');
  expect(() => maxPool()('pool', 0).apply(tf.zeros([1, 1, 1, 1]), inference)).toThrow(
    'pool: expected maps of at least 2 × 2, got 1 × 1; pool less often or take larger images.',
  );
  expect(() => sequential({ 1: relu() })('own', 0)).toThrow(
    'layers: expected names with a letter, got 1; JavaScript moves number keys to the front.',
  );
});

function wave(shape: readonly number[]): tf.Tensor4D {
  const size = shape.reduce((product, side) => product * side, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, (_, n) => Math.sin(0.7 * n + 0.1 * n * n)),
    [...shape] as [number, number, number, number],
  );
}

/** Σ kernel · x over the window, zeros outside, plus bias. */
function convolvedByHand(
  x: tf.Tensor4D,
  weights: Readonly<Record<string, tf.Variable>>,
  stride: number,
  padding: number,
): number[] {
  const images = x.arraySync();
  const kernel = weights['conv.kernel']?.arraySync() as number[][][][];
  const bias = weights['conv.bias']?.arraySync() as number[];
  const side = Math.floor((x.shape[1] + 2 * padding - kernel.length) / stride) + 1;
  const results: number[] = [];
  for (const image of images) {
    for (let row = 0; row < side; row++) {
      for (let column = 0; column < side; column++) {
        for (let to = 0; to < bias.length; to++) {
          let sum = bias[to] as number;
          kernel.forEach((line, i) => {
            line.forEach((inputs, j) => {
              const pixel = image[row * stride + i - padding]?.[column * stride + j - padding];
              inputs.forEach((outputs, from) => {
                sum += (outputs[to] as number) * (pixel?.[from] ?? 0);
              });
            });
          });
          results.push(sum);
        }
      }
    }
  }
  return results;
}
