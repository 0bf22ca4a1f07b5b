import type { ConvolutionNode, DenseNode, Graph, GraphNodeBase, GraphOperation } from '@kd/core';
import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { runGraph } from '../../src/graph/runGraph.ts';
import { calibrate } from '../../src/quantization/calibrate.ts';
import { correctBias } from '../../src/quantization/correctBias.ts';
import { quantizeKernel } from '../../src/quantization/quantizeKernel.ts';
import { denseOperation, graphOf, tensor } from '../support/graphs.ts';

const kernel = { shape: [2, 3], values: Float32Array.of(0.9, -2, 0, -0.4, 0.3, 0) };

test('each position along an axis has its own scale', () => {
  const { values, scales } = quantizeKernel(kernel, 1);
  expectClose(scales, [0.9 / 127, 2 / 127, 1], 1e-7);
  expect([...values]).toEqual([127, -127, 0, -56, 19, 0]);
  const rows = quantizeKernel(kernel, 0);
  expectClose(rows.scales, [2 / 127, 0.4 / 127], 1e-7);
  expect([...rows.values]).toEqual([57, -127, 0, -127, 95, 0]);
});

test('without an axis all have one scale; a reduced range has 7 bits', () => {
  const { values, scales } = quantizeKernel(kernel, undefined, { reduceRange: true });
  expectClose(scales, [2 / 63], 1e-7);
  expect([...values]).toEqual([28, -63, 0, -13, 9, 0]);
});

test('weights too small for a scale are zeros', () => {
  const { values, scales } = quantizeKernel({ shape: [1, 1], values: Float32Array.of(1e-45) }, 1);
  expect([values[0], scales[0]]).toEqual([0, 1]);
});

test('an axis that the kernel lacks is named', () => {
  expect(() => quantizeKernel(kernel, 2)).toThrow(
    'quantizeKernel: expected an axis of [2, 3], got 2.',
  );
});

/** Images whose pixels have the values of a row each. */
const images = (rows: readonly (readonly number[])[], side: number): tf.Tensor4D =>
  tf.tensor4d(
    rows.flatMap((row) => Array.from({ length: side * side }, () => row).flat()),
    [rows.length, side, side, (rows[0] as readonly number[]).length],
  );
const rows = [
  [0.2, 0.9, 0.4, 0.7],
  [0.5, 0.1, 0.8, 0.6],
  [0.3, 0.8, 0.9, 0.1],
];

const convolution = (kernelShape: readonly number[], groups: number) =>
  ({
    kind: 'convolution',
    kernel: tensor(kernelShape, 1),
    bias: tensor(kernelShape.slice(3), 2),
    strides: [1, 1],
    dilations: [1, 1],
    groups,
    pads: { top: 0, bottom: 0, left: 0, right: 0 },
    activation: 'linear',
  }) as const;

type KernelNode = GraphNodeBase & (ConvolutionNode | DenseNode);

function layerOf(
  shape: readonly number[],
  operation: Extract<GraphOperation, { kind: 'convolution' | 'dense' }>,
): KernelNode {
  return { name: 'layer', inputs: ['images'], shape, ...operation };
}

const denseLayer = layerOf([3, 3, 5], denseOperation(4, 5, 1));
const layers: Readonly<Record<string, KernelNode>> = {
  'a convolution': layerOf([1, 1, 6], convolution([3, 3, 4, 6], 1)),
  'a convolution in groups': layerOf([1, 1, 6], convolution([3, 3, 2, 6], 2)),
  'a depthwise convolution': layerOf([1, 1, 8], convolution([3, 3, 1, 8], 4)),
  'a dense layer': denseLayer,
};

onEveryEngine(() => {
  test.each(Object.entries(layers))(
    'with the corrected bias the mean output of %s is that before rounding',
    async (_, layer) => {
      const graph = graphOf([3, 3, 4], [layer]);
      const batch = images(rows, 3);
      const { means } = await calibrate(graph, [batch], { method: 'minMax' });
      for (const axis of [layer.kernel.shape.length - 1, undefined]) {
        const quantized = quantizeKernel(layer.kernel, axis, { reduceRange: true });
        const { scales } = quantized;
        const outputs = layer.bias.values.length;
        const rounded = Float32Array.from(
          quantized.values,
          (value, at) => value * (scales[scales.length === 1 ? 0 : at % outputs] as number),
        );
        const changed = (bias: Float32Array): Graph => ({
          ...graph,
          nodes: [
            {
              ...layer,
              kernel: { ...layer.kernel, values: rounded },
              bias: { ...layer.bias, values: bias },
            },
          ],
        });
        const expected = meanOutput(graph, batch);
        const plain = meanOutput(changed(layer.bias.values), batch);
        const corrected = meanOutput(changed(correctBias(layer, quantized, means)), batch);
        expect(largestDifference(plain, expected)).toBeGreaterThan(1e-3);
        expect(largestDifference(corrected, expected)).toBeLessThan(1e-5);
      }
      batch.dispose();
    },
  );
});

test('a layer that was not calibrated is named', () => {
  const quantized = quantizeKernel(denseLayer.kernel, 1);
  expect(() => correctBias(denseLayer, quantized, {})).toThrow(
    'correctBias: expected means of 4 input channels of layer, got nothing; calibrate this very graph.',
  );
});

function meanOutput(graph: Graph, batch: tf.Tensor4D): Float32Array {
  return tf.tidy(() => {
    const { layer } = runGraph(graph, batch) as { layer: tf.Tensor };
    return tf.mean(layer, [0, 1, 2]).dataSync<'float32'>().slice();
  });
}

function largestDifference(one: Float32Array, other: Float32Array): number {
  return one.reduce(
    (most, value, at) => Math.max(most, Math.abs(value - (other[at] as number))),
    0,
  );
}
