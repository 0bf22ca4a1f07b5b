import type { Network } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import {
  batchNorm,
  cifarResnet,
  convolution,
  dense,
  globalAveragePool,
  maxPool,
  networkOf,
  pointwise,
  relu,
  residual,
  resnet,
  resnet9,
  seedCnn,
  studentCnn,
  vgg,
  wideResnet,
} from '../src/index.ts';

/** One of every family, small. */
export const makers: Record<string, () => Network> = {
  seedCnn: () => seedCnn({ classes: 10, seed: 1 }),
  studentCnn: () => studentCnn({ classes: 10, seed: 1 }),
  'cifarResnet 14': () => cifarResnet({ depth: 14, classes: 10, seed: 1 }),
  'cifarResnet 8 projection': () => cifarResnet({ depth: 8, classes: 10, seed: 1, shortcut: 'projection' }),
  resnet9: () => resnet9({ classes: 10, seed: 1, width: 0.125 }),
  'resnet basic': () =>
    resnet({ depth: { block: 'basic', blocks: [1, 2, 1, 1] }, stem: 'imagenet', width: 0.125, classes: 10, seed: 1, prepare: { size: 24 } }),
  'resnet bottleneck': () => resnet({ depth: { block: 'bottleneck', blocks: [1, 2, 1, 1] }, stem: 'cifar', width: 0.125, classes: 10, seed: 1 }),
  'wideResnet 16-0.5': () => wideResnet({ depth: 16, width: 0.5, classes: 10, seed: 1 }),
  'vgg 11': () => vgg({ depth: 11, width: 1 / 16, classes: 10, seed: 1 }),
  'all that folds and all that does not': mixed,
};

/** Convolutions with and without bias, batch norm and ReLU, also each where nothing stands before it to be folded into. */
function mixed(): Network {
  return networkOf({
    name: 'mixed',
    seed: 1,
    layers: {
      first: batchNorm({ channels: 3 }),
      relu0: relu(),
      conv1: convolution({ from: 3, to: 6, bias: true }),
      bn1: batchNorm({ channels: 6, epsilon: 1e-3 }),
      tapped: convolution({ from: 6, to: 6, size: 5, stride: 2 }),
      bn2: batchNorm({ channels: 6 }),
      again: batchNorm({ channels: 6 }),
      elu: pointwise((x) => tf.elu(x)),
      relu1: relu(),
      pool: maxPool({ size: 3, stride: 2, padding: 1 }),
      sum: residual({ body: { bn: batchNorm({ channels: 6 }), relu: relu(), conv: convolution({ from: 6, to: 6 }) } }),
      bn3: batchNorm({ channels: 6 }),
      inner: residual({ body: { conv: convolution({ from: 6, to: 6, bias: true }) }, shortcut: batchNorm({ channels: 6 }), after: relu() }),
      pooled: globalAveragePool(),
      fc: dense({ from: 6, to: 10 }),
    },
    taps: ['tapped', 'sum'],
  });
}

/** Two pictures, 16 × 16 × 3, that are the same every time. */
export function pictures(): tf.Tensor4D {
  return tf.tensor4d(
    Float32Array.from({ length: 2 * 16 * 16 * 3 }, (_, n) => 0.5 + 0.5 * Math.sin(0.37 * n + 1e-4 * n * n)),
    [2, 16, 16, 3],
  );
}
