import type { ConvolutionNode, GraphOperation, PoolNode } from '@kd/core';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { runGraph, runGraphLogits } from '../src/graph/runGraph.ts';
import { graphOf, node, tensor } from './support/graphs.ts';

const shape = [5, 6, 4] as const;
const { values: pixels } = tensor(shape, 7);
const pads = { top: 1, bottom: 2, left: 0, right: 3 };
const noPads = { top: 0, bottom: 0, left: 0, right: 0 };

/** A pixel's channel; undefined in the padding. */
function pixelAt(row: number, column: number, channel: number): number | undefined {
  const isInside = row >= 0 && row < 5 && column >= 0 && column < 6;
  return isInside ? pixels[(row * 6 + column) * 4 + channel] : undefined;
}

/** Values of a map, in order. */
function mapOf(
  [height, width, channels]: readonly [number, number, number],
  valueAt: (row: number, column: number, channel: number) => number,
): number[] {
  return Array.from({ length: height * width * channels }, (_, at) =>
    valueAt(Math.floor(at / channels / width), Math.floor(at / channels) % width, at % channels),
  );
}

/** By its definition. */
function convolveDirectly(operation: ConvolutionNode, output: readonly [number, number, number]) {
  const { kernel, bias, strides, dilations, groups } = operation;
  const [height, width, from, to] = kernel.shape as [number, number, number, number];
  return mapOf(output, (row, column, out) => {
    const first = Math.floor((out * groups) / to) * from;
    let sum = bias.values[out] as number;
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        for (let channel = 0; channel < from; channel++) {
          const pixel = pixelAt(
            row * strides[0] + y * dilations[0] - operation.pads.top,
            column * strides[1] + x * dilations[1] - operation.pads.left,
            first + channel,
          );
          const weight = kernel.values[((y * width + x) * from + channel) * to + out] as number;
          sum += (pixel ?? 0) * weight;
        }
    return operation.activation === 'relu' ? Math.max(sum, 0) : sum;
  });
}

/** By its definition. */
function poolDirectly(operation: PoolNode, output: readonly [number, number, number]): number[] {
  const { size, strides, countsPadding } = operation;
  return mapOf(output, (row, column, channel) => {
    const window = mapOf([...size, 1], (y, x) => 100 * y + x).map((at) =>
      pixelAt(
        row * strides[0] + Math.floor(at / 100) - operation.pads.top,
        column * strides[1] + (at % 100) - operation.pads.left,
        channel,
      ),
    );
    const inside = window.filter((value) => value !== undefined);
    if (operation.function === 'max') return Math.max(...inside);
    const sum = inside.reduce((total, value) => total + value, 0);
    return sum / (countsPadding ? window.length : inside.length);
  });
}

const convolution = (
  kernelShape: readonly number[],
  options: Partial<ConvolutionNode> = {},
): ConvolutionNode => ({
  kind: 'convolution',
  kernel: tensor(kernelShape, 1),
  bias: tensor(kernelShape.slice(3), 2),
  strides: [1, 1],
  dilations: [1, 1],
  groups: 1,
  pads,
  activation: 'linear',
  ...options,
});

const convolutions: readonly [string, ConvolutionNode, readonly [number, number, number]][] = [
  ['uneven pads', convolution([2, 3, 4, 3]), [7, 7, 3]],
  ['strides', convolution([3, 2, 4, 3], { strides: [2, 3] }), [3, 3, 3]],
  ['dilation', convolution([2, 2, 4, 3], { dilations: [3, 2], activation: 'relu' }), [5, 7, 3]],
  ['both', convolution([2, 3, 4, 3], { dilations: [2, 3], strides: [2, 1] }), [3, 3, 3]],
  ['groups', convolution([3, 3, 2, 6], { groups: 2 }), [6, 7, 6]],
  ['one channel a group', convolution([3, 3, 1, 8], { groups: 4, strides: [2, 2] }), [3, 4, 8]],
  [
    'one channel a group, strides and dilation',
    convolution([2, 2, 1, 4], { groups: 4, strides: [2, 2], dilations: [2, 2] }),
    [3, 4, 4],
  ],
];

const pool = (reduction: 'max' | 'average', countsPadding: boolean): PoolNode => ({
  kind: 'pool',
  function: reduction,
  size: [3, 4],
  strides: [2, 1],
  pads,
  countsPadding,
});

const moves: readonly [string, GraphOperation, readonly [number, number, number], number[]][] = [
  [
    'nearest pixels are repeated',
    { kind: 'resize', interpolation: 'nearest', antialias: false },
    [10, 18, 4],
    mapOf(
      [10, 18, 4],
      (row, column, channel) =>
        pixelAt(Math.floor(row / 2), Math.floor(column / 3), channel) as number,
    ),
  ],
  [
    'every second pixel of an odd and an even side',
    { kind: 'subsample', stride: 2 },
    [3, 3, 4],
    mapOf([3, 3, 4], (row, column, channel) => pixelAt(2 * row, 2 * column, channel) as number),
  ],
  [
    'a constant around maps and channels',
    { kind: 'pad', pads, channels: [1, 2], value: 0.5 },
    [8, 9, 7],
    mapOf([8, 9, 7], (row, column, channel) =>
      channel < 1 || channel > 4 ? 0.5 : (pixelAt(row - 1, column, channel - 1) ?? 0.5),
    ),
  ],
  [
    'shuffled channels',
    { kind: 'shuffleChannels', groups: 2 },
    [5, 6, 4],
    mapOf(
      [5, 6, 4],
      (row, column, channel) => pixelAt(row, column, [0, 2, 1, 3][channel] as number) as number,
    ),
  ],
];

onEveryEngine(() => {
  test.each(convolutions)('a convolution, %s: as its definition says', async (_, operation, to) => {
    await expectValues(operation, to, convolveDirectly(operation, to));
  });

  test.each([
    pool('max', false),
    pool('average', true),
    pool('average', false),
    { ...pool('average', false), pads: noPads },
  ])('$function over windows, padding counts: $countsPadding', async (operation) => {
    const to: [number, number, number] = operation.pads === pads ? [3, 6, 4] : [2, 3, 4];
    await expectValues(operation, to, poolDirectly(operation, to));
  });

  test.each(moves)('%s', async (_, operation, to, expected) => {
    await expectValues(operation, to, expected);
  });
});

test('images of another shape are named', async () => {
  const graph = graphOf(shape, [
    node('x', ['images'], [4], { kind: 'globalPool', function: 'max', keepsMaps: false }),
  ]);
  const images = tf.zeros<tf.Rank.R4>([1, 5, 6, 3]);
  expect(() => runGraph(graph, images)).toThrow(
    'runGraph: expected images [batch, 5, 6, 4], got [1, 5, 6, 3].',
  );
  images.dispose();
});

/** Runs an operation on the pixels, beside other ones in the batch. */
async function expectValues(
  operation: GraphOperation,
  to: readonly [number, number, number],
  expected: readonly number[],
): Promise<void> {
  await expectNoNewTensors(() => {
    const graph = graphOf(shape, [node('x', ['images'], to, operation)]);
    const images = tf.tensor4d(Float32Array.from([...pixels, ...pixels.map((value) => -value)]), [
      2,
      ...shape,
    ]);
    const result: tf.Tensor = runGraphLogits(graph, images);
    expect(result.shape).toEqual([2, ...to]);
    expectClose(result.dataSync().slice(0, expected.length), expected, 1e-5);
    tf.dispose([images, result]);
  });
}
