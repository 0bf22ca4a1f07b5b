import '@tensorflow/tfjs-backend-cpu';
import { networkGraph } from '@kd/models/graph';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { exportTfjs } from '../../src/index.ts';
import { denseOperation, graphOf, node, sameConvolution } from '../support/graphs.ts';
import { networks, scatter } from '../support/networks.ts';
import { operationGraphs } from '../support/operations.ts';
import { expectRunsAs, loadFiles, readModelJson } from './runtimes.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const small = graphOf(
  [6, 8, 3],
  [
    node('conv', ['images'], [6, 8, 32], sameConvolution([3, 3, 3, 32], 1)),
    node('pooled', ['conv'], [32], { kind: 'globalPool', function: 'average', keepsMaps: false }),
    node('fc', ['pooled'], [3], denseOperation(32, 3, 2)),
  ],
);

describe('in tfjs-converter, for batches of 1, 2 and 3,', () => {
  test.each(Object.entries(operationGraphs))('%s is as in our engine', async (_, graph) => {
    await expectRunsAs(graph);
  });

  test.each(Object.entries(networks))('%s is as in our engine', async (_, [create, side]) => {
    const network = create();
    scatter(network);
    const graph = networkGraph(network, { imageShape: [side, side, 3], taps: true });
    await expectRunsAs(graph, {}, 1e-4);
    network.dispose();
  });

  test('halves, and 16 and 8 bits, are nearly as in our engine', async () => {
    await expectRunsAs(small, { weights: 'float16' }, 1e-3);
    await expectRunsAs(small, { weights: 'uint16' }, 1e-4);
    await expectRunsAs(small, { weights: 'uint8' }, 2e-2);
  });

  test('probabilities add up to 1', async () => {
    const model = await loadFiles(exportTfjs(small, { output: 'probabilities' }));
    const images = tf.ones([2, 6, 8, 3]);
    const answer = model.predict({ images }) as tf.Tensor;
    expect(tf.sum(answer, -1).arraySync()).toEqual([expect.closeTo(1, 6), expect.closeTo(1, 6)]);
    tf.dispose([answer, images]);
    model.dispose();
  });
});

test('the kernels take a quarter of the bytes in 8 bits; biases stay float32', () => {
  const { weightsManifest } = readModelJson(exportTfjs(small, { weights: 'uint8' }));
  const [{ weights }] = weightsManifest;
  const stored = Object.fromEntries(
    weights.map((entry: { name: string; quantization?: { dtype: string } }) => [
      entry.name,
      entry.quantization?.dtype ?? 'float32',
    ]),
  );
  expect(stored).toEqual({
    'conv/kernel': 'uint8',
    'conv/bias': 'float32',
    'pooled/axes': 'float32',
    'fc/kernel': 'float32',
    'fc/bias': 'float32',
  });
  const bytes = (form: 'float32' | 'uint8') =>
    exportTfjs(small, { weights: form })['group1-shard1of1.bin']?.length as number;
  expect(bytes('float32') - bytes('uint8')).toBe(3 * 864);
});

test('files of weights have at most 4 MiB', () => {
  const large = graphOf(
    [1, 1, 1],
    [
      node('flat', ['images'], [1], { kind: 'reshape' }),
      node('fc', ['flat'], [1_500_000], denseOperation(1, 1_500_000, 1)),
    ],
  );
  const files = exportTfjs(large);
  expect(
    Object.entries(files)
      .map(([name, { length }]) => [name, length])
      .slice(1),
  ).toEqual([
    ['group1-shard1of3.bin', 2 ** 22],
    ['group1-shard2of3.bin', 2 ** 22],
    ['group1-shard3of3.bin', 12_000_008 - 2 ** 23],
  ]);
});

test('names of classes and other texts are kept', () => {
  const metadata = { preprocessing: 'none' };
  const files = exportTfjs(small, { classNames: ['a', 'b', 'c'], metadata });
  expect(readModelJson(files).userDefinedMetadata).toEqual({
    preprocessing: 'none',
    classNames: ['a', 'b', 'c'],
  });
});

describe('is refused:', () => {
  const withWeight = (value: number) => {
    const values = Float32Array.from({ length: 864 }, () => value);
    const kernel = { shape: [3, 3, 3, 32], values };
    const convolution = { ...sameConvolution([3, 3, 3, 32], 1), kernel };
    return graphOf([6, 8, 3], [node('conv', ['images'], [6, 8, 32], convolution)]);
  };

  test('a weight that is NaN', () => {
    expect(() => exportTfjs(withWeight(Number.NaN))).toThrow(
      new RangeError(
        'exportTfjs: expected finite weights in conv.kernel, got NaN; its training has diverged: take an earlier checkpoint.',
      ),
    );
  });

  test('a weight that halves have not', () => {
    expect(() => exportTfjs(withWeight(70_000), { weights: 'float16' })).toThrow(
      new RangeError(
        "exportTfjs: conv/kernel: expected numbers from −65504 to 65504 in float16, got 70000; use weights: 'float32'.",
      ),
    );
  });

  test('names of other classes', () => {
    expect(() => exportTfjs(small, { classNames: ['a'] })).toThrow(
      new RangeError('exportTfjs: expected names of 3 classes, got 1.'),
    );
  });
});
