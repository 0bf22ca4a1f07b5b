import type { Graph, Network } from '@kd/core';
import { fromLayersModel } from '@kd/models';
import { networkGraph } from '@kd/models/graph';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { expect, test } from 'vitest';
import { runGraph } from '../src/graph/runGraph.ts';

const { layers } = tfl;
type Symbolic = tfl.SymbolicTensor;

/** A model of these layers, one behind the other, with a pool and a dense layer behind them. */
function chain(...factories: readonly (() => tfl.layers.Layer)[]): tfl.LayersModel {
  const images = tfl.input({ shape: [9, 8, 4] });
  const maps = factories.reduce<Symbolic>(
    (value, create) => create().apply(value) as Symbolic,
    images,
  );
  const pooled = maps.shape.length === 4 ? layers.globalAveragePooling2d({}).apply(maps) : maps;
  const logits = layers.dense({ units: 3, name: 'logits' }).apply(pooled) as Symbolic;
  return tfl.model({ inputs: images, outputs: logits });
}

const same = { padding: 'same' } as const;
const valid = { padding: 'valid' } as const;
const conv = (options: Partial<Parameters<typeof layers.conv2d>[0]> = {}) =>
  layers.conv2d({ filters: 6, kernelSize: 3, name: 'conv', ...options });

/** Every layer that is known, with the options that change what it computes. */
const models: Readonly<Record<string, () => tfl.LayersModel>> = {
  'Conv2D, same': () => chain(() => conv(same)),
  'Conv2D, valid, stride 2': () => chain(() => conv({ ...valid, strides: 2 })),
  'Conv2D, same, strides, 4 × 2': () =>
    chain(() => conv({ ...same, strides: [2, 3], kernelSize: [4, 2] })),
  'Conv2D, dilation': () => chain(() => conv({ ...same, dilationRate: 2, useBias: false })),
  'Conv2D, relu6': () => chain(() => conv({ activation: 'relu6' })),
  'Conv2D, swish': () => chain(() => conv({ activation: 'swish' as 'relu' })),
  'DepthwiseConv2D, multiplier 2': () =>
    chain(() => layers.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, ...same, strides: 2 })),
  'DepthwiseConv2D, 2 × 3, relu': () =>
    chain(() => layers.depthwiseConv2d({ kernelSize: [2, 3], ...valid, activation: 'relu' })),
  'SeparableConv2D, dilation': () =>
    chain(() => layers.separableConv2d({ filters: 5, kernelSize: 3, dilationRate: 2, ...same })),
  'SeparableConv2D, stride 2': () =>
    chain(() =>
      layers.separableConv2d({
        filters: 5,
        kernelSize: 3,
        strides: 2,
        ...same,
        activation: 'tanh',
      }),
    ),
  'Dense on maps': () => chain(() => layers.dense({ units: 5, activation: 'relu' })),
  'BatchNormalization behind and before a convolution': () =>
    chain(
      () => layers.batchNormalization({ name: 'first' }),
      () => conv(same),
      () => layers.batchNormalization({ name: 'second', center: false }),
      () => layers.reLU({}),
      () => layers.batchNormalization({ name: 'third', scale: false, epsilon: 0.1 }),
    ),
  ReLU: () =>
    chain(
      () => conv({ ...same, kernelSize: 1 }),
      () => layers.reLU({ maxValue: 6 }),
    ),
  LeakyReLU: () => chain(() => layers.leakyReLU({ alpha: 0.2 })),
  PReLU: () => chain(() => layers.prelu({ sharedAxes: [1, 2] })),
  ELU: () => chain(() => layers.elu({})),
  'Softmax of vectors': () =>
    chain(
      () => layers.globalMaxPooling2d({}),
      () => layers.softmax({ axis: -1 }),
    ),
  'MaxPooling2D, same': () =>
    chain(() => layers.maxPooling2d({ poolSize: 3, strides: 2, ...same })),
  'AveragePooling2D, same': () =>
    chain(() => layers.averagePooling2d({ poolSize: [3, 2], strides: 2, ...same })),
  'AveragePooling2D, valid': () => chain(() => layers.averagePooling2d({ poolSize: 2 })),
  'ZeroPadding2D, Cropping2D': () =>
    chain(
      () =>
        layers.zeroPadding2d({
          padding: [
            [1, 2],
            [0, 3],
          ],
        }),
      () =>
        layers.cropping2D({
          cropping: [
            [0, 3],
            [2, 1],
          ],
        }),
    ),
  UpSampling2D: () => chain(() => layers.upSampling2d({ size: [2, 3] })),
  Reshape: () =>
    chain(
      () => layers.reshape({ targetShape: [6, -1, 4] }),
      () => conv({ strides: 3 }),
    ),
  Flatten: () =>
    chain(
      () => conv({ strides: 3 }),
      () => layers.flatten({}),
    ),
  'Dropout and noise': () =>
    chain(
      () => layers.dropout({ rate: 0.5 }),
      () => layers.gaussianNoise({ stddev: 1 }),
      () => layers.gaussianDropout({ rate: 0.5 }),
      () => layers.alphaDropout({ rate: 0.5 }),
    ),
  Rescaling: () => chain(() => layers.rescaling({ scale: 2, offset: -1 })),
  ...Object.fromEntries(
    (
      [
        'elu',
        'selu',
        'sigmoid',
        'hardSigmoid',
        'tanh',
        'softplus',
        'softsign',
        'swish',
        'gelu',
        'softmax',
        'linear',
        'relu',
        'relu6',
      ] as const
    ).map((activation) => [
      `Activation ${activation}`,
      () => chain(() => layers.activation({ activation: activation as 'relu' })),
    ]),
  ),
  'Add, Average, Multiply, Maximum, Minimum, Concatenate': merged,
  'a shared layer, a dropped branch, and models within': nested,
};

function merged(): tfl.LayersModel {
  const images = tfl.input({ shape: [9, 8, 4] });
  const branch = (name: string) =>
    layers.conv2d({ filters: 4, kernelSize: 3, ...same, name }).apply(images) as Symbolic;
  const [a, b, c] = [branch('a'), branch('b'), branch('c')];
  const joined = layers
    .concatenate({})
    .apply([
      layers.add({ name: 'add' }).apply([a, b, c]) as Symbolic,
      layers.average({}).apply([a, b, images]) as Symbolic,
      layers.multiply({}).apply([b, c]) as Symbolic,
      layers.maximum({}).apply([a, c]) as Symbolic,
      layers.minimum({}).apply([a, b]) as Symbolic,
    ]);
  const pooled = layers.globalAveragePooling2d({}).apply(joined);
  const logits = layers.dense({ units: 3, name: 'logits' }).apply(pooled) as Symbolic;
  return tfl.model({ inputs: images, outputs: logits });
}

function nested(): tfl.LayersModel {
  const inner = tfl.sequential({
    name: 'inner',
    layers: [
      layers.conv2d({
        filters: 4,
        kernelSize: 3,
        ...same,
        inputShape: [9, 8, 4],
        name: 'innerConv',
      }),
      layers.batchNormalization({ name: 'innerNorm' }),
    ],
  });
  const images = tfl.input({ shape: [9, 8, 4] });
  const shared = layers.conv2d({ filters: 4, kernelSize: 1, name: 'shared' });
  const once = shared.apply(images) as Symbolic;
  const twice = shared.apply(once) as Symbolic;
  const dropped = layers.dropout({ rate: 0.5 }).apply(twice);
  const rectified = layers.reLU({ name: 'rectified' }).apply(dropped) as Symbolic;
  const modelled = inner.apply(twice) as Symbolic;
  const sum = layers.add({ name: 'sum' }).apply([rectified, modelled]);
  const pooled = layers.globalAveragePooling2d({}).apply(sum);
  const logits = layers.dense({ units: 3, name: 'logits' }).apply(pooled) as Symbolic;
  return tfl.model({ inputs: images, outputs: logits });
}

onEveryEngine(() => {
  test.each(Object.entries(models))(
    '%s: the graph gives the logits of predict',
    async (_, create) => {
      const model = create();
      const network = fromLayersModel(model);
      scatter(network);
      await expectNoNewTensors(() => {
        const graph = networkGraph(network, { imageShape: [9, 8, 4] });
        for (const batch of [1, 3]) {
          const images = testImages(batch);
          const expected = model.predict(images) as tf.Tensor;
          const values = runGraph(graph, images);
          for (const { name, shape } of graph.nodes)
            expect(values[name]?.shape.slice(1), name).toEqual(shape);
          expectAlike(values[graph.logits] as tf.Tensor, expected);
          tf.dispose([images, expected, values]);
        }
      });
      network.dispose();
    },
  );
});

test('layers are fused where nothing else takes their value, and not across a tap', () => {
  const create = (taps: readonly string[]): Graph => {
    const model = chain(
      () => conv(same),
      () => layers.batchNormalization({ name: 'norm' }),
      () => layers.activation({ activation: 'relu', name: 'relu' }),
      () => layers.maxPooling2d({ poolSize: 2, name: 'pool' }),
    );
    const network = fromLayersModel(model, { taps });
    scatter(network);
    const graph = networkGraph(network, { imageShape: [9, 8, 4] });
    const images = testImages(2);
    const { logits, features } = network.forward(images, { training: false });
    const values = runGraph(graph, images);
    expectAlike(values[graph.logits] as tf.Tensor, logits);
    for (const tap of taps)
      expectAlike(values[graph.features[tap] as string] as tf.Tensor, features[tap] as tf.Tensor);
    tf.dispose([images, logits, features, values]);
    network.dispose();
    return graph;
  };
  const kindsOf = ({ nodes }: Graph) => nodes.map(({ kind }) => kind);
  expect(kindsOf(create([]))).toEqual(['convolution', 'pool', 'globalPool', 'dense']);
  expect(create(['relu']).features).toEqual({ relu: 'conv' });
  expect(kindsOf(create(['conv', 'norm']))).toEqual([
    'convolution',
    'channelAffine',
    'activation',
    'pool',
    'globalPool',
    'dense',
  ]);
});

test('its own preprocessing is inside', async () => {
  const normalize = { mean: [0.4, 0.5, 0.6, 0.5], std: [0.2, 0.2, 0.3, 0.1] };
  const network = fromLayersModel(
    chain(() => conv(same)),
    {
      prepare: { normalize },
      name: 'prepared',
    },
  );
  scatter(network);
  const graph = networkGraph(network, { imageShape: [9, 8, 4] });
  expect(graph.nodes[0]?.name).toBe('images.normalized');
  const images = testImages(2);
  const { logits } = network.forward(images, { training: false });
  const values = runGraph(graph, images);
  expectAlike(values[graph.logits] as tf.Tensor, logits);
  tf.dispose([images, logits, values]);
  network.dispose();
});

test.each<[string, () => tfl.layers.Layer, string]>([
  [
    'a class that is not known',
    () => layers.permute({ dims: [2, 1, 3], name: 'turned' }),
    'ZeroPadding2D, got Permute turned; exchange it for known ones.',
  ],
  [
    'an activation that is not known',
    () => conv({ activation: 'mish' as 'relu' }),
    'expected an activation of conv among linear, relu,',
  ],
  [
    'slopes for each pixel',
    () => layers.prelu({ name: 'slopes' }),
    'expected slopes by channel in slopes, got [9, 8, 4]; sharedAxes: [1, 2].',
  ],
  [
    'a limit other than 6',
    () => layers.reLU({ maxValue: 4, name: 'clipped' }),
    'expected maxValue 6 or none of clipped, got 4.',
  ],
  [
    'bilinear upsampling',
    () => layers.upSampling2d({ size: [2, 2], interpolation: 'bilinear', name: 'larger' }),
    'expected interpolation nearest of larger, got bilinear',
  ],
  [
    'a dilation that TF.js does not compute',
    () => layers.depthwiseConv2d({ kernelSize: 3, dilationRate: 2, name: 'dilated' }),
    'expected dilationRate 1 of dilated, got [2, 2]; TF.js computes depthwise convolutions without it.',
  ],
  [
    'another axis',
    () => layers.softmax({ name: 'rows' }),
    'expected the channels as the axis of rows, got 1.',
  ],
])('%s is named', (_, create, message) => {
  const network = fromLayersModel(chain(create));
  expect(() => networkGraph(network, { imageShape: [9, 8, 4] })).toThrow(message);
  network.dispose();
});

test('images of another size are named', () => {
  const network = fromLayersModel(chain(() => conv(same)));
  expect(() => networkGraph(network, { imageShape: [9, 9, 4] })).toThrow(
    'networkGraph: expected prepared images of [9, 8, 4], got [9, 9, 4].',
  );
  network.dispose();
});

/** Weights as after a training. */
function scatter(network: Network): void {
  for (const [position, [name, weight]] of Object.entries(network.weights).entries()) {
    tf.tidy(() => {
      const noise = tf.randomUniform(weight.shape, -0.5, 0.5, 'float32', 100 + position);
      const isNearOne = /(gamma|moving_variance)$/.test(name);
      weight.assign(isNearOne ? tf.add(1, noise) : noise);
    });
  }
}

function testImages(batch: number): tf.Tensor4D {
  return tf.tensor4d(
    Float32Array.from({ length: batch * 288 }, (_, at) => Math.sin(0.37 * at + 1e-4 * at * at)),
    [batch, 9, 8, 4],
  );
}

/** Equal within 1e-4 of the largest value. */
function expectAlike(got: tf.Tensor, expected: tf.Tensor): void {
  expect(got.shape).toEqual(expected.shape);
  expectClose(got.dataSync(), expected.dataSync(), 1e-4);
}
