import { type LayerSummary, normal, uniform } from '@kd/core';
import { expectClose, expectNoNewTensors, numericalGradient, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import {
  averagePool,
  batchNorm,
  channelShuffle,
  concat,
  convolution,
  dense,
  depthwiseConvolution,
  elementwise,
  globalMaxPool,
  kaimingNormalFanOut,
  type Layer,
  maxPool,
  relu,
  relu6,
  residual,
  scale,
  sequential,
  sliceChannels,
  torchDefaultUniform,
} from '../src/index.ts';
import { zeroPadShortcut } from '../src/layers/channels.ts';
import { initialValues } from './initialValues.ts';

const inference = { training: false };

/**
 * Finite differences in the order of a test's calls, by its title. They are the same on every engine
 * within their error, and take hundreds of passes: the first engine computes them for all.
 */
const differences = new Map<string, Float32Array[]>();
let calls = { test: '', count: 0 };

function finiteDifferences(...call: Parameters<typeof numericalGradient>): Float32Array {
  const test = expect.getState().currentTestName ?? '';
  calls = { test, count: calls.test === test ? calls.count + 1 : 0 };
  const title = test.replace(/^.*?on \w+ > /, '');
  const known = differences.get(title) ?? [];
  differences.set(title, known);
  known[calls.count] ??= numericalGradient(...call);
  return known[calls.count] as Float32Array;
}

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
      if (side <= 6) expectClose(gradient.dataSync(), finiteDifferences(loss, x), 1e-3);
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
        shortcut: zeroPadShortcut({ from: 4, to: 8, stride: 2 }),
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
    const layer = zeroPadShortcut({ from: 2, to: 5, stride: 2 })('shortcut', 0);
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

test('relu, scale and maxPool compute what their names say', () => {
  const layer = sequential({ relu: relu(), double: scale(2), pool: maxPool() })('own', 0);
  const y = layer.apply(tf.tensor4d([-1, 2, -3, -4], [1, 2, 2, 1]), inference);
  expect([y.shape, Array.from(y.dataSync())]).toEqual([[1, 1, 1, 1], [4]]);
});

test('initial values depend on the seed alone', () => {
  const he = initialValues(kaimingNormalFanOut, { fanIn: 9, fanOut: 18 }, 77, 6);
  expectClose(
    he,
    Array.from({ length: 6 }, (_, at) => normal(77, 0, at) / 3),
    1e-6,
  );
  const drawn = initialValues(torchDefaultUniform, { fanIn: 16, fanOut: 1 }, 77, 6);
  expectClose(
    drawn,
    Array.from({ length: 6 }, (_, at) => (2 * uniform(77, 0, at) - 1) / 4),
    1e-6,
  );
  const many = initialValues(kaimingNormalFanOut, { fanIn: 1, fanOut: 50 }, 1, 40_000);
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

onEveryEngine(() => {
  test.each([
    { size: 3, stride: 1, padding: 1, side: 5 },
    { size: 3, stride: 2, padding: 1, side: 6 },
    { size: 3, stride: 2, padding: 1, side: 5 },
    { size: 5, stride: 2, padding: 2, side: 6 },
    { size: 5, stride: 1, padding: 2, side: 4 },
    { size: 3, stride: 2, padding: 'same', side: 6 },
    { size: 5, stride: 2, padding: 'same', side: 5 },
  ] as const)(
    'depthwise: size $size, stride $stride, padding $padding, side $side, by hand and by finite differences',
    ({ side, ...options }) => {
      const layer = depthwiseConvolution({ channels: 2, bias: true, ...options })('dw', 5);
      const x = wave([2, side, side, 2]);
      const y = layer.apply(x, inference);
      expectClose(y.dataSync(), depthwiseByHand(x, layer, options), 1e-5);
      expectGradients(layer, x, y.shape);
      tf.dispose([x, y]);
      disposeOf(layer);
    },
  );

  test.each([
    { size: 1, stride: 1, groups: 3 },
    { size: 3, stride: 2, groups: 2 },
  ])(
    'a convolution in $groups groups is as many convolutions of a part each',
    ({ groups, ...options }) => {
      const layer = convolution({ from: 6, to: 6, bias: true, groups, ...options })('conv', 5);
      const x = wave([1, 3, 3, 6]);
      const y = layer.apply(x, inference);
      const expected = tf.tidy(() => {
        const [kernel, bias] = [
          layer.weights['conv.kernel'] as tf.Variable,
          layer.weights['conv.bias'] as tf.Variable,
        ];
        const [kernels, biases] = [tf.split(kernel, groups, 3), tf.split(bias, groups)];
        const pad = options.size === 3 ? 1 : 0;
        const parts = tf.split(x, groups, 3).map((part, at) => {
          const products = tf.conv2d(
            part as tf.Tensor4D,
            kernels[at] as tf.Tensor4D,
            options.stride,
            pad,
          );
          return tf.add(products, biases[at] as tf.Tensor);
        });
        return tf.concat(parts, 3).dataSync();
      });
      expect(layer.weights['conv.kernel']?.shape).toEqual([
        options.size,
        options.size,
        6 / groups,
        6,
      ]);
      expectClose(y.dataSync(), expected, 1e-5);
      expectGradients(layer, x, y.shape);
      tf.dispose([x, y]);
      disposeOf(layer);
    },
  );

  test("convolution with TensorFlow's padding: at stride 2 and an even side, the end has the zeros alone", () => {
    const layer = convolution({ from: 1, to: 1, stride: 2, padding: 'same' })('conv', 5);
    tf.tidy(() => (layer.weights['conv.kernel'] as tf.Variable).assign(tf.ones([3, 3, 1, 1])));
    const x = tf.ones([1, 4, 4, 1]);
    const y = layer.apply(x, inference);
    expect(Array.from(y.dataSync())).toEqual([9, 6, 6, 4]);
    tf.dispose([x, y]);
    disposeOf(layer);
  });

  test('shuffled channels: the first of every group, then the second of every group; its gradient takes them back', async () => {
    const layer = channelShuffle({ groups: 3 })('shuffle', 0);
    const x = tf.reshape(tf.range(0, 6), [1, 1, 1, 6]);
    const upstream = tf.clone(x);
    await expectNoNewTensors(() => {
      const y = layer.apply(x, inference);
      expect(Array.from(y.dataSync())).toEqual([0, 2, 4, 1, 3, 5]);
      const gradient = tf.grad((maps) => tf.sum(tf.mul(layer.apply(maps, inference), upstream)))(x);
      expect(Array.from(gradient.dataSync())).toEqual([0, 3, 1, 4, 2, 5]);
      tf.dispose([y, gradient]);
    });
    tf.dispose([x, upstream]);
  });

  test("the mean over squares counts the border's zeros, as PyTorch's does", () => {
    const layer = averagePool({ size: 3, stride: 2, padding: 1 })('pool', 0);
    const x = tf.reshape(tf.range(1, 17), [1, 4, 4, 1]);
    const y = layer.apply(x, inference);
    expectClose(y.dataSync(), [14 / 9, 30 / 9, 57 / 9, 99 / 9], 1e-6);
    expectGradients(layer, wave([1, 4, 4, 2]), [1, 2, 2, 2]);
    tf.dispose([x, y]);
  });

  test('branches lie side by side, and gradients come together again', async () => {
    const layer = concat({
      from: 4,
      branches: {
        kept: sliceChannels({ of: 4, first: 0, count: 2 }),
        last: sliceChannels({ of: 4, first: 3, count: 1 }),
        smooth: elementwise((x) => tf.tanh(x)),
        conv: convolution({ from: 4, to: 3, size: 1 }),
      },
    })('wide', 3);
    expect([layer.channels, layer.stride]).toEqual([2 + 1 + 4 + 3, 1]);
    const x = wave([1, 2, 2, 4]);
    await expectNoNewTensors(() => {
      const y = layer.apply(x, inference);
      const parts = tf.tidy(() => tf.split(y, [2, 1, 4, 3], 3).map((part) => part.dataSync()));
      const [first, last] = tf.tidy(() => [
        tf.slice(x, [0, 0, 0, 0], [-1, -1, -1, 2]).dataSync(),
        tf.slice(x, [0, 0, 0, 3], [-1, -1, -1, 1]).dataSync(),
      ]);
      expectClose(parts[0] as Float32Array, first as Float32Array, 1e-7);
      expectClose(parts[1] as Float32Array, last as Float32Array, 1e-7);
      expectClose(parts[2] as Float32Array, x.dataSync().map(Math.tanh), 1e-6);
      y.dispose();
    });
    expectGradients(layer, x, [1, 2, 2, 10]);
    x.dispose();
    disposeOf(layer);
  });

  test('relu6 is 0 below 0 and 6 above 6, and lets gradients through between alone', () => {
    const layer = relu6()('act', 0);
    const x = tf.tensor1d([-2, -0.5, 0.5, 5.5, 6.5, 100]);
    const y = layer.apply(x, inference);
    expect(Array.from(y.dataSync())).toEqual([0, 0, 0.5, 5.5, 6, 6]);
    const gradient = tf.grad((values) => tf.sum(layer.apply(values, inference)))(x);
    expect(Array.from(gradient.dataSync())).toEqual([0, 0, 1, 1, 0, 0]);
    tf.dispose([x, y, gradient]);
  });
});

test('grouped and depthwise convolutions are counted by what they compute', () => {
  const reports: LayerSummary[] = [];
  const onLayer = (layer: LayerSummary) => reports.push(layer);
  const grouped = convolution({ from: 6, to: 12, groups: 3, bias: true })('conv', 0);
  const depthwise = depthwiseConvolution({ channels: 12, size: 5, stride: 2 })('dw', 0);
  tf.tidy(() =>
    depthwise.apply(grouped.apply(tf.zeros([1, 8, 8, 6]), { ...inference, onLayer }), {
      ...inference,
      onLayer,
    }),
  );
  expect(reports).toEqual([
    {
      name: 'conv',
      kind: 'convolution 3×3 in 3 groups',
      outputShape: [8, 8, 12],
      parameters: 9 * 2 * 12 + 12,
      macs: 64 * 12 * 9 * 2,
    },
    {
      name: 'dw',
      kind: 'depthwise 5×5 /2',
      outputShape: [4, 4, 12],
      parameters: 25 * 12,
      macs: 16 * 12 * 25,
    },
  ]);
  disposeOf(grouped);
  disposeOf(depthwise);
});

test('wrong options and shapes of grouped layers are named', () => {
  expect(() => depthwiseConvolution({ channels: 0 })).toThrow(
    'depthwiseConvolution: expected channels, size and stride as whole numbers ≥ 1, got [0, 3, 1].',
  );
  expect(() => depthwiseConvolution({ channels: 2, padding: 0.5 })).toThrow(
    'depthwiseConvolution: expected padding as a whole number ≥ 0, or same, got 0.5.',
  );
  expect(() => convolution({ from: 4, to: 6, groups: 4 })).toThrow(
    'convolution: expected groups that divide from = 4 and to = 6, got 4.',
  );
  expect(() =>
    channelShuffle({ groups: 3 })('shuffle', 0).apply(tf.zeros([1, 1, 1, 4]), inference),
  ).toThrow('shuffle: expected channels that 3 groups share, got 4.');
  expect(() => sliceChannels({ of: 4, first: 3, count: 2 })).toThrow(
    'sliceChannels: expected first and count within 4 channels, got [3, 2].',
  );
  expect(() =>
    averagePool({ size: 2 })('pool', 0).apply(tf.zeros([1, 1, 1, 1]), { training: false }),
  ).toThrow(
    'pool: expected maps of at least 2 × 2, got 1 × 1; pool less often or take larger images.',
  );
  expect(() => averagePool({ size: 2, padding: 2 })).toThrow(
    'averagePool: expected padding as a whole number from 0 to size / 2, got 2.',
  );
});

/** To x and to every weight, of Σ y · wave. */
function expectGradients(layer: Layer, x: tf.Tensor4D, outputShape: readonly number[]): void {
  const target = wave(outputShape);
  const loss = (maps: tf.Tensor) =>
    tf.sum(tf.mul(layer.apply(maps, inference), target)) as tf.Scalar;
  const gradient = tf.grad(loss)(x);
  expectClose(gradient.dataSync(), finiteDifferences(loss, x), 2e-3);
  const variables = Object.values(layer.weights);
  if (variables.length > 0) {
    const { grads, value } = tf.variableGrads(() => loss(x), variables);
    for (const variable of variables) {
      const start = variable.clone();
      const moved = (values: tf.Tensor) => {
        variable.assign(values);
        return loss(x);
      };
      expectClose(
        (grads[variable.name] as tf.Tensor).dataSync(),
        finiteDifferences(moved, start),
        2e-3,
      );
      variable.assign(start);
      start.dispose();
    }
    tf.dispose([grads, value]);
  }
  tf.dispose([gradient, target]);
}

function disposeOf(layer: Layer): void {
  for (const weight of Object.values(layer.weights)) weight.dispose();
}

/** Σ kernel · x over the window, channel by channel, zeros outside, plus bias. */
function depthwiseByHand(
  x: tf.Tensor4D,
  { weights }: Layer,
  {
    size,
    stride,
    padding,
  }: { readonly size: number; readonly stride: number; readonly padding: number | 'same' },
): number[] {
  const images = x.arraySync();
  const kernel = weights['dw.depthwiseKernel']?.arraySync() as number[][][][];
  const bias = weights['dw.bias']?.arraySync() as number[];
  const [, height, , channels] = x.shape;
  const side =
    padding === 'same'
      ? Math.ceil(height / stride)
      : Math.floor((height + 2 * padding - size) / stride) + 1;
  const before =
    padding === 'same' ? Math.floor(Math.max(0, (side - 1) * stride + size - height) / 2) : padding;
  const range = (count: number) => Array.from({ length: count }, (_, at) => at);
  return images.flatMap((image) =>
    range(side * side * channels).map((n) => {
      const [row, column, channel] = [
        Math.floor(n / (side * channels)),
        Math.floor(n / channels) % side,
        n % channels,
      ];
      const products = range(size * size).map((at) => {
        const [i, j] = [Math.floor(at / size), at % size];
        const pixel =
          image[row * stride + i - before]?.[column * stride + j - before]?.[channel] ?? 0;
        return pixel * (kernel[i]?.[j]?.[channel]?.[0] as number);
      });
      return products.reduce((sum, product) => sum + product, bias[channel] as number);
    }),
  );
}

const [fans, seed] = [{ fanIn: 12, fanOut: 50 }, 7];

test.each([1, 2, 5, 7])(
  '%i first values are those of the seeded numbers of @kd/core, to the last bit',
  (count) => {
    const values = (each: (at: number) => number) =>
      Float32Array.from({ length: count }, (_, at) => each(at));
    expect(initialValues(kaimingNormalFanOut, fans, seed, count)).toEqual(
      values((at) => Math.sqrt(2 / 50) * normal(seed, 0, at)),
    );
    expect(initialValues(torchDefaultUniform, fans, seed, count)).toEqual(
      values((at) => (2 * uniform(seed, 0, at) - 1) / Math.sqrt(12)),
    );
  },
);
