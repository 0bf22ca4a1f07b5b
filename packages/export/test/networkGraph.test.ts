import type { Graph, GraphTensor, Network } from '@kd/core';
import {
  batchNorm,
  cifarResnet,
  convolution,
  createNetwork,
  createPreprocessor,
  dense,
  dropout,
  elementwise,
  fuseBatchNorm,
  globalAveragePool,
  type LayerFactory,
  relu,
  relu6,
  scale,
  shuffleNetV2,
  simKdStudent,
  splitBackbone,
  studentCnn,
} from '@kd/models';
import { networkGraph } from '@kd/models/graph';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { runGraph, runGraphLogits } from '../src/graph/runGraph.ts';
import { networks, scatter } from './support/networks.ts';

const small = { classes: 10, seed: 1 } as const;

/** Networks that together have every operation, for the engine that takes long. */
const onCpu = ['cifarResnet, identity', 'shuffleNetV2, cifar', 'a layers model'];

onEveryEngine((engine) => {
  const cases = Object.entries(networks).filter(
    ([name]) => engine !== 'cpu' || onCpu.includes(name),
  );

  test.each(cases)(
    '%s: the graph gives the logits and features of the network',
    async (_, [create, side]) => {
      const network = create();
      scatter(network);
      await expectNoNewTensors(() => {
        const graph = networkGraph(network, { imageShape: [side, side, 3] });
        for (const batch of [1, 3]) expectAgreement(network, graph, testImages(batch, side, side));
      });
      network.dispose();
    },
  );

  test.each([
    ['bilinear', 1, 32, 32],
    ['bicubic', 0.875, 32, 32],
    ['bicubic', 0.875, 90, 70],
    ['bilinear', 0.9, 64, 80],
    ['bicubic', 0.8, 80, 80],
  ] as const)(
    'the graph resizes (%s), crops (%s) and normalizes images of %s × %s as the network does',
    async (interpolation, crop, height, width) => {
      await expectNoNewTensors(() => {
        for (const antialias of [true, false]) {
          const prepare = { size: 64, interpolation, antialias, crop, normalize };
          const network = studentCnn({ ...small, widths: [4, 6], prepare });
          scatter(network);
          const graph = networkGraph(network, { imageShape: [height, width, 3] });
          for (const batch of [1, 3])
            expectAgreement(network, graph, testImages(batch, height, width));
          network.dispose();
        }
      });
    },
  );

  test('with the preparation outside, the graph takes prepared images', async () => {
    await expectNoNewTensors(() => {
      const prepare = { size: 48, interpolation: 'bicubic', crop: 0.875, normalize } as const;
      const network = studentCnn({ ...small, widths: [4, 6], prepare });
      scatter(network);
      const [imageShape, preparation] = [[40, 32, 3], 'outside'] as const;
      const graph = networkGraph(network, { imageShape, preparation });
      expect(graph.input.shape).toEqual([48, 48, 3]);
      const images = testImages(3, 40, 32);
      const prepared = createPreprocessor(prepare).prepare(images);
      const logits = runGraphLogits(graph, prepared);
      const expected = network.forward(images, { training: false });
      expectAlike(logits, expected.logits);
      tf.dispose([images, prepared, logits, expected.logits, expected.features]);
      network.dispose();
    });
  });

  test('a network with fused batch norm has the graph of the network itself', async () => {
    await expectNoNewTensors(() => {
      const networks = [shuffleNetSmall(), shuffleNetSmall()] as const;
      for (const network of networks) scatter(network);
      const fused = fuseBatchNorm(networks[1]);
      const graph = networkGraph(fused, { imageShape: [16, 16, 3] });
      const own = networkGraph(networks[0], { imageShape: [16, 16, 3] });
      expect(graph.nodes.map(({ name }) => name)).toEqual(own.nodes.map(({ name }) => name));
      expectAgreement(fused, graph, testImages(2, 16, 16));
      expectAgreement(networks[0], graph, testImages(2, 16, 16));
      fused.dispose();
      networks[0].dispose();
    });
  });

  test('the graphs of backbone and head compute the network, one after the other', async () => {
    await expectNoNewTensors(() => {
      const network = cifarResnet({ ...small, depth: 8, width: 0.5 });
      scatter(network);
      for (const range of ['body', { upTo: 'stage2' }] as const) {
        const { backbone, head } = splitBackbone(network, range);
        const first = networkGraph(backbone, { imageShape: [16, 16, 3] });
        expect(Object.keys(first.features)).toEqual(backbone.featureNames);
        const images = testImages(2, 16, 16);
        const { logits: maps } = { logits: runGraphLogits(first, images) as tf.Tensor };
        const shape = [...[1, 1], ...maps.shape.slice(1)].slice(-3) as [number, number, number];
        const second = networkGraph(head, { imageShape: shape });
        const reshaped = tf.reshape(maps, [2, ...shape]) as tf.Tensor4D;
        const logits = runGraphLogits(second, reshaped);
        const expected = network.forward(images, { training: false });
        expectAlike(logits, expected.logits);
        tf.dispose([images, maps, reshaped, logits, expected.logits, expected.features]);
      }
      network.dispose();
    });
  });

  test.each([
    ['mean', 1, 1],
    ['max', 2, 0.2],
  ] as const)(
    'simKdStudent (%s, pool %s, scale %s): student up to the tap, projector and classifier',
    async (pooling, pool, scale) => {
      await expectNoNewTensors(() => {
        const student = studentCnn({ ...small, widths: [4, 6, 8] });
        const kernel = tf.truncatedNormal<tf.Rank.R2>([12, 5], 0, 1, 'float32', 3);
        const network = simKdStudent(student, {
          tap: 'stage2',
          classifier: { kernel, scale },
          pooling,
          pool,
          seed: 2,
        });
        scatter(network);
        const graph = networkGraph(network, { imageShape: [16, 16, 3] });
        expectAgreement(network, graph, testImages(3, 16, 16));
        const bare = networkGraph(network, { imageShape: [16, 16, 3], taps: false });
        expect(bare.features).toEqual({});
        expect(bare.nodes.map(({ name }) => name)).not.toContain('stage3.conv');
        network.dispose();
        kernel.dispose();
      });
    },
  );
});

const normalize = { mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3] } as const;

function shuffleNetSmall(): Network {
  return shuffleNetV2({ ...small, stem: 'cifar', width: 0.5 });
}

test('layers are fused, and have the names of the first of them', () => {
  const network = createNetwork({
    name: 'five layers',
    seed: 1,
    layers: {
      conv: convolution({ from: 3, to: 4, stride: 2, padding: 'same' }),
      bn: batchNorm({ channels: 4 }),
      relu: relu6(),
      again: batchNorm({ channels: 4 }),
      relu2: relu(),
      drop: dropout({ rate: 0.5 }),
      pooled: globalAveragePool(),
      fc: dense({ from: 4, to: 2, bias: false }),
      scaled: scale(0.5),
    },
    prepare: { normalize },
  });
  const { nodes, logits } = networkGraph(network, { imageShape: [9, 8, 3] });
  expect(nodes.map(({ name, kind, shape }) => [name, kind, shape])).toEqual([
    ['images.normalized', 'channelAffine', [9, 8, 3]],
    ['conv', 'convolution', [5, 4, 4]],
    ['again', 'channelAffine', [5, 4, 4]],
    ['pooled', 'globalPool', [4]],
    ['fc', 'dense', [2]],
  ]);
  expect(nodes.map((node) => ('activation' in node ? node.activation : ''))).toEqual([
    'linear',
    'relu6',
    'relu',
    '',
    'linear',
  ]);
  const [, conv] = nodes;
  expect(conv).toMatchObject({ pads: { top: 1, bottom: 1, left: 0, right: 1 }, strides: [2, 2] });
  expect(logits).toBe('fc');
  const fc = nodes[4] as { kernel: GraphTensor; bias: GraphTensor };
  const own = network.weights['fc.kernel'] as tf.Variable;
  expect(fc.kernel.values).toEqual(own.dataSync().map((value) => value / 2));
  expect([...fc.bias.values]).toEqual([0, 0]);
  network.dispose();
});

test('nothing is fused across a tap, unless the graph has no taps', () => {
  const network = createNetwork({
    name: 'tapped',
    seed: 1,
    layers: {
      conv: convolution({ from: 3, to: 4 }),
      relu: relu(),
      pooled: globalAveragePool(),
      fc: dense({ from: 4, to: 2 }),
    },
    taps: ['conv'],
    prepare: { normalize },
  });
  const namesOf = ({ nodes }: Graph) => nodes.map(({ name }) => name);
  const imageShape = [8, 8, 3] as const;
  const graph = networkGraph(network, { imageShape, preparation: 'outside' });
  expect(namesOf(graph)).toEqual(['conv', 'relu', 'pooled', 'fc']);
  expect(graph.features).toEqual({ conv: 'conv' });
  const bare = networkGraph(network, { imageShape, preparation: 'outside', taps: false });
  expect(namesOf(bare)).toEqual(['conv', 'pooled', 'fc']);
  network.dispose();
});

test('a layer of one’s own is exported by its description, and refused by name without', () => {
  const tail = { pooled: globalAveragePool(), fc: dense({ from: 3, to: 2 }) };
  const withLayer = (own: LayerFactory) =>
    createNetwork({ name: 'own', seed: 1, layers: { own, ...tail } });
  const imageShape = [4, 4, 3] as const;
  const plain = withLayer(elementwise((x) => tf.elu(x)));
  expect(() => networkGraph(plain, { imageShape })).toThrow(
    'networkGraph: expected operations that layer own consists of, got none; give the layer `computes`, or elementwise() the operation as its second argument.',
  );
  const described = withLayer(
    elementwise((x) => tf.elu(x), { kind: 'activation', function: 'elu', alpha: 1 }),
  );
  const graph = networkGraph(described, { imageShape });
  expectAgreement(described, graph, testImages(2, 4, 4));
  const several = withLayer((name) => ({
    name,
    weights: {},
    stride: 1,
    apply: (x) => tf.tidy(() => tf.relu(tf.mul(x, 3))),
    computes: () => [
      {
        kind: 'channelAffine',
        scale: { shape: [1], values: Float32Array.of(3) },
        offset: { shape: [1], values: Float32Array.of(0) },
        activation: 'linear',
      },
      { kind: 'activation', function: 'relu' },
    ],
  }));
  const both = networkGraph(several, { imageShape });
  expect(both.nodes.map(({ name }) => name)).toContain('own.channelAffine');
  expectAgreement(several, both, testImages(2, 4, 4));
  for (const network of [plain, described, several]) network.dispose();
});

test('other networks, images that do not fit and weights that are no numbers are named', () => {
  const network = studentCnn({ ...small, widths: [4, 6] });
  const imageShape = [8, 8, 3] as const;
  const other = { name: 'mine', weights: {}, forward: network.forward, dispose() {} };
  expect(() => networkGraph(other, { imageShape })).toThrow(
    'networkGraph: expected a network of createNetwork or fromLayersModel, whose layers are known, got mine.',
  );
  expect(() => networkGraph(network, { imageShape: [8, 8, 4] })).toThrow(
    'networkGraph: expected images of 3 channels, got 4.',
  );
  expect(() => networkGraph(network, { imageShape: [8, 0, 3] })).toThrow(
    'networkGraph: expected imageShape [height, width, channels], got [8, 0, 3].',
  );
  expect(() => networkGraph(network, { imageShape: [1, 1, 3] })).toThrow(
    'pool1: expected maps of at least 2 × 2 with their padding, got 1 × 1; take larger images.',
  );
  const variance = network.weights['stage1.bn.variance'] as tf.Variable;
  tf.tidy(() => variance.assign(tf.fill(variance.shape, -1)));
  expect(() => networkGraph(network, { imageShape })).toThrow(
    'networkGraph: expected finite weights of stage1.conv with its batch norm, got NaN',
  );
  tf.tidy(() => variance.assign(tf.fill(variance.shape, Number.NaN)));
  expect(() => networkGraph(network, { imageShape })).toThrow(
    'networkGraph: expected finite values in stage1.bn.variance, got NaN; its training has diverged: take an earlier checkpoint.',
  );
  network.dispose();
});

/** Images of values in 0–1. */
function testImages(batch: number, height: number, width: number, channels = 3): tf.Tensor4D {
  return tf.tensor4d(
    Float32Array.from(
      { length: batch * height * width * channels },
      (_, at) => 0.5 + 0.5 * Math.sin(0.37 * at + 1e-4 * at * at),
    ),
    [batch, height, width, channels],
  );
}

/** Frees the images. */
function expectAgreement(network: Network, graph: Graph, images: tf.Tensor4D): void {
  const { logits, features } = network.forward(images, { training: false });
  const values = runGraph(graph, images);
  for (const [name, value] of Object.entries(values))
    expect(value.shape.slice(1), name).toEqual(
      graph.nodes.find((node) => node.name === name)?.shape,
    );
  expectAlike(values[graph.logits], logits);
  expect(Object.keys(graph.features)).toEqual(Object.keys(network.featureInfo ?? {}));
  for (const [tap, value] of Object.entries(graph.features))
    expectAlike(values[value], features[tap] as tf.Tensor);
  const alone = runGraphLogits(graph, images);
  expectAlike(alone, logits);
  tf.dispose([logits, features, values, alone, images]);
}

/** Equal within 1e-4 of the largest value. */
function expectAlike(got: tf.Tensor | undefined, expected: tf.Tensor): void {
  expect(got?.shape).toEqual(expected.shape);
  expectClose((got as tf.Tensor).dataSync(), expected.dataSync(), 1e-4);
}
