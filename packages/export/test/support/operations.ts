import type { Graph, GraphNode, GraphOperation } from '@kd/core';
import { denseOperation, graphOf, node, sameConvolution, tensor } from './graphs.ts';

const operations: Readonly<Record<string, readonly GraphNode[]>> = {
  'a convolution of even kernel, strides and uneven pads': [
    node('x', ['images'], [4, 6, 5], {
      ...sameConvolution([2, 3, 3, 5], 1),
      strides: [2, 2],
      pads: { top: 1, bottom: 2, left: 3, right: 2 },
      activation: 'relu',
    }),
  ],
  'a convolution with dilation': [
    node('x', ['images'], [6, 9, 5], {
      ...sameConvolution([2, 3, 3, 5], 1),
      dilations: [3, 2],
      pads: { top: 1, bottom: 2, left: 3, right: 2 },
    }),
  ],
  'a convolution in groups': [
    node('a', ['images'], [6, 8, 6], sameConvolution([1, 1, 3, 6], 1)),
    node('x', ['a'], [6, 8, 4], { ...sameConvolution([3, 3, 3, 4], 2), groups: 2 }),
  ],
  'a depthwise convolution with two outputs a channel': [
    node('x', ['images'], [6, 8, 6], {
      ...sameConvolution([3, 3, 1, 6], 1),
      groups: 3,
      activation: 'relu6',
    }),
  ],
  'a convolution without bias': [
    node('x', ['images'], [6, 8, 4], {
      ...sameConvolution([3, 3, 3, 4], 1),
      bias: { shape: [4], values: new Float32Array(4) },
    }),
  ],
  'a dense layer of maps': [node('x', ['images'], [6, 8, 7], denseOperation(3, 7, 1))],
  'a dense layer of rows': [
    node('a', ['images'], [16, 9], { kind: 'reshape' }),
    node('x', ['a'], [16, 4], { ...denseOperation(9, 4, 1), activation: 'relu' }),
    node('softmax', ['x'], [16, 4], { kind: 'activation', function: 'softmax' }),
    node('affine', ['softmax'], [16, 4], {
      kind: 'channelAffine',
      scale: tensor([4], 1),
      offset: tensor([4], 2),
      activation: 'linear',
    }),
    node('sliced', ['affine'], [16, 2], { kind: 'sliceChannels', first: 1, count: 2 }),
    node('both', ['sliced', 'x'], [16, 6], { kind: 'concat' }),
    node('shuffled', ['both'], [16, 6], { kind: 'shuffleChannels', groups: 3 }),
  ],
  'a batch norm that stands alone': [
    node('x', ['images'], [6, 8, 3], {
      kind: 'channelAffine',
      scale: tensor([3], 1),
      offset: tensor([3], 2),
      activation: 'linear',
    }),
  ],
  'a scale alone, an offset alone, one of each for all channels': [
    node('a', ['images'], [6, 8, 3], {
      kind: 'channelAffine',
      scale: tensor([3], 1),
      offset: { shape: [3], values: new Float32Array(3) },
      activation: 'linear',
    }),
    node('b', ['a'], [6, 8, 3], {
      kind: 'channelAffine',
      scale: { shape: [1], values: Float32Array.of(1) },
      offset: tensor([3], 2),
      activation: 'linear',
    }),
    node('x', ['b'], [6, 8, 3], {
      kind: 'channelAffine',
      scale: { shape: [1], values: Float32Array.of(255) },
      offset: { shape: [1], values: Float32Array.of(-127.5) },
      activation: 'linear',
    }),
  ],
  'a batch norm of vectors': [
    node('a', ['images'], [3], { kind: 'globalPool', function: 'average', keepsMaps: false }),
    node('x', ['a'], [3], {
      kind: 'channelAffine',
      scale: tensor([3], 1),
      offset: tensor([3], 2),
      activation: 'linear',
    }),
  ],
  'an excitation: maps of one pixel times maps': [
    node('a', ['images'], [1, 1, 3], { kind: 'globalPool', function: 'average', keepsMaps: true }),
    node('b', ['a'], [1, 1, 3], sameConvolution([1, 1, 3, 3], 1)),
    node('c', ['b'], [1, 1, 3], { kind: 'activation', function: 'hardSigmoid' }),
    node('x', ['images', 'c'], [6, 8, 3], {
      kind: 'arithmetic',
      function: 'multiply',
      activation: 'linear',
    }),
  ],
  'max pooling': [
    node('x', ['images'], [3, 4, 3], {
      kind: 'pool',
      function: 'max',
      size: [3, 2],
      strides: [2, 2],
      pads: { top: 1, bottom: 0, left: 0, right: 1 },
      countsPadding: false,
    }),
  ],
  'mean pooling that counts its padding': [
    node('x', ['images'], [3, 4, 3], {
      kind: 'pool',
      function: 'average',
      size: [3, 3],
      strides: [2, 2],
      pads: { top: 1, bottom: 1, left: 1, right: 1 },
      countsPadding: true,
    }),
  ],
  'mean pooling that does not count its padding': [
    node('x', ['images'], [3, 4, 3], {
      kind: 'pool',
      function: 'average',
      size: [3, 3],
      strides: [2, 2],
      pads: { top: 0, bottom: 1, left: 0, right: 1 },
      countsPadding: false,
    }),
  ],
  'the maximum of whole maps': [
    node('a', ['images'], [1, 1, 3], { kind: 'globalPool', function: 'max', keepsMaps: true }),
    node('x', ['a'], [3], { kind: 'globalPool', function: 'max', keepsMaps: false }),
  ],
  'channels joined, shuffled and cut': [
    node('a', ['images'], [6, 8, 5], sameConvolution([1, 1, 3, 5], 1)),
    node('b', ['images', 'a'], [6, 8, 8], { kind: 'concat' }),
    node('c', ['b'], [6, 8, 8], { kind: 'shuffleChannels', groups: 4 }),
    node('x', ['c'], [6, 8, 3], { kind: 'sliceChannels', first: 2, count: 3 }),
  ],
  'padding of maps and channels': [
    node('x', ['images'], [9, 11, 6], {
      kind: 'pad',
      pads: { top: 1, bottom: 2, left: 3, right: 0 },
      channels: [1, 2],
      value: 0.5,
    }),
  ],
  'every third pixel, and a crop': [
    node('a', ['images'], [2, 3, 3], { kind: 'subsample', stride: 3 }),
    node('x', ['a'], [1, 2, 3], { kind: 'crop', top: 1, left: 1 }),
  ],
  'maps to vectors to maps': [
    node('a', ['images'], [144], { kind: 'reshape' }),
    node('b', ['a'], [144], { kind: 'activation', function: 'tanh' }),
    node('c', ['b'], [4, 12, 3], { kind: 'reshape' }),
    node('x', ['c'], [12, 2, 6], { kind: 'reshape' }),
  ],
  'a flattening that a dense layer takes': [
    node('a', ['images'], [6, 8, 4], sameConvolution([3, 3, 3, 4], 1)),
    node('b', ['a'], [192], { kind: 'reshape' }),
    node('x', ['b'], [5], denseOperation(192, 5, 2)),
  ],
  'a flattening that others take too': [
    node('a', ['images'], [6, 8, 4], sameConvolution([3, 3, 3, 4], 1)),
    node('b', ['a'], [192], { kind: 'reshape' }),
    node('c', ['b'], [192], denseOperation(192, 192, 2)),
    node('x', ['b', 'c'], [192], { kind: 'arithmetic', function: 'add', activation: 'linear' }),
  ],
};

const functions: readonly Extract<GraphOperation, { kind: 'activation' }>[] = [
  ...(
    [
      ...['relu', 'relu6', 'sigmoid', 'hardSigmoid', 'tanh', 'selu', 'softplus', 'softsign'],
      ...['swish', 'gelu', 'softmax'],
    ] as const
  ).map((name) => ({ kind: 'activation', function: name }) as const),
  { kind: 'activation', function: 'elu', alpha: 0.7 },
  { kind: 'activation', function: 'leakyRelu', alpha: 0.1 },
  { kind: 'activation', function: 'prelu', slopes: tensor([3], 5) },
];

const arithmetic = ['add', 'subtract', 'multiply', 'maximum', 'minimum', 'average'] as const;

const resizes = (['bilinear', 'bicubic'] as const).flatMap((interpolation) =>
  [true, false].map((antialias) => ({ kind: 'resize', interpolation, antialias }) as const),
);

const nearest = { kind: 'resize', interpolation: 'nearest', antialias: false } as const;

/** Every operation, of images [6, 8, 3], alone or beside what it needs; each value is a tap. */
export const operationGraphs: Readonly<Record<string, Graph>> = Object.fromEntries(
  [
    ...Object.entries(operations),
    ...functions.map((operation) => [operation.function, spreadInto(operation)] as const),
    ...arithmetic.map((name) => [`${name} of two and of three`, combine(name)] as const),
    ...resizes.map(
      (operation) =>
        [
          `${operation.interpolation}${operation.antialias ? ' with' : ' without'} antialias`,
          [
            node('small', ['images'], [4, 3, 3], operation),
            node('large', ['images'], [13, 9, 3], operation),
            node('mixed', ['images'], [3, 17, 3], operation),
          ],
        ] as const,
    ),
    ['nearest', [node('x', ['images'], [12, 24, 3], nearest)]] as const,
  ].map(([name, nodes]) => [name, withTaps(nodes)]),
);

/** A function of values from −8 to 8. */
function spreadInto(operation: GraphOperation): GraphNode[] {
  const spread = node('spread', ['images'], [6, 8, 3], {
    kind: 'channelAffine',
    scale: { shape: [1], values: Float32Array.of(16) },
    offset: { shape: [1], values: Float32Array.of(-8) },
    activation: 'linear',
  });
  return [spread, node('x', ['spread'], [6, 8, 3], operation)];
}

function combine(name: (typeof arithmetic)[number]): GraphNode[] {
  const operation = { kind: 'arithmetic', function: name, activation: 'relu' } as const;
  return [
    node('a', ['images'], [6, 8, 3], sameConvolution([1, 1, 3, 3], 1)),
    node('b', ['images'], [6, 8, 3], sameConvolution([1, 1, 3, 3], 2)),
    node('two', ['a', 'b'], [6, 8, 3], operation),
    node('x', ['a', 'b', 'images'], [6, 8, 3], operation),
  ];
}

/** The graph of these nodes, each of them a tap. */
function withTaps(nodes: readonly GraphNode[]): Graph {
  const features = Object.fromEntries(nodes.map(({ name }) => [`tap ${name}`, name]));
  const last = nodes.at(-1) as GraphNode;
  const logits =
    last.shape.length === 1
      ? []
      : [node('flat', [last.name], [last.shape.reduce((a, b) => a * b, 1)], { kind: 'reshape' })];
  return graphOf([6, 8, 3], [...nodes, ...logits], features);
}
