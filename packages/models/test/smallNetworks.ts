import type { Network } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import {
  averagePool,
  batchNorm,
  channelShuffle,
  cifarResnet,
  concat,
  convolution,
  createNetwork,
  dense,
  depthwiseConvolution,
  elementwise,
  globalAveragePool,
  maxPool,
  mobileNetV2,
  relu,
  relu6,
  residual,
  resnet,
  resnet9,
  sequential,
  sliceChannels,
  studentCnn,
  tutorialCnn,
  vgg,
  wideResnet,
} from '../src/index.ts';

/** One of every family, small. */
export const smallNetworks: Record<string, () => Network> = {
  tutorialCnn: () => tutorialCnn({ classes: 10, seed: 1 }),
  studentCnn: () => studentCnn({ classes: 10, seed: 1 }),
  'cifarResnet 14': () => cifarResnet({ depth: 14, classes: 10, seed: 1 }),
  'cifarResnet 8 projection': () =>
    cifarResnet({ depth: 8, classes: 10, seed: 1, shortcut: 'projection' }),
  resnet9: () => resnet9({ classes: 10, seed: 1, width: 0.125 }),
  'resnet basic': () =>
    resnet({
      depth: { block: 'basic', blocks: [1, 2, 1, 1] },
      stem: 'imagenet',
      width: 0.125,
      classes: 10,
      seed: 1,
      prepare: { size: 24 },
    }),
  'resnet bottleneck': () =>
    resnet({
      depth: { block: 'bottleneck', blocks: [1, 2, 1, 1] },
      stem: 'cifar',
      width: 0.125,
      classes: 10,
      seed: 1,
    }),
  'wideResnet 16-0.5': () => wideResnet({ depth: 16, width: 0.5, classes: 10, seed: 1 }),
  'vgg 11': () => vgg({ depth: 11, width: 1 / 16, classes: 10, seed: 1 }),
  'mobileNetV2 cifar': () => mobileNetV2({ stem: 'cifar', width: 1 / 8, classes: 10, seed: 1 }),
  'every operation, fused and not fused': mixed,
  'grouped, depthwise and branches': grouped,
};

/**
 * Convolutions with and without bias, batch norm and ReLU, also each where nothing stands before it
 * to be fused with.
 */
function mixed(): Network {
  return createNetwork({
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
      elu: elementwise((x) => tf.elu(x)),
      relu1: relu(),
      pool: maxPool({ size: 3, stride: 2, padding: 1 }),
      sum: residual({
        body: {
          bn: batchNorm({ channels: 6 }),
          relu: relu(),
          conv: convolution({ from: 6, to: 6 }),
        },
      }),
      bn3: batchNorm({ channels: 6 }),
      inner: residual({
        body: { conv: convolution({ from: 6, to: 6, bias: true }) },
        shortcut: batchNorm({ channels: 6 }),
        after: relu(),
      }),
      pooled: globalAveragePool(),
      fc: dense({ from: 6, to: 10 }),
    },
    taps: ['tapped', 'sum'],
  });
}

/**
 * Grouped and depthwise convolutions with and without bias and batch norm, ReLU6, and branches that
 * are fused, pass through or run as they are.
 */
function grouped(): Network {
  return createNetwork({
    name: 'grouped',
    seed: 1,
    layers: {
      conv1: convolution({ from: 3, to: 6, stride: 2, padding: 'same' }),
      bn1: batchNorm({ channels: 6 }),
      act1: relu6(),
      conv2: convolution({ from: 6, to: 12, size: 1, groups: 3, bias: true }),
      bn2: batchNorm({ channels: 12 }),
      tapped: channelShuffle({ groups: 3 }),
      conv3: depthwiseConvolution({ channels: 12, stride: 2, bias: true }),
      bn3: batchNorm({ channels: 12 }),
      act3: relu(),
      wide: concat({
        from: 12,
        branches: {
          kept: sliceChannels({ of: 12, first: 0, count: 4 }),
          pooled: averagePool({ size: 3, stride: 1, padding: 1 }),
          deep: sequential({
            conv: depthwiseConvolution({ channels: 12, size: 5 }),
            act: relu6(),
            bn: batchNorm({ channels: 12 }),
          }),
        },
      }),
      act4: relu6(),
      pooled: globalAveragePool(),
      fc: dense({ from: 28, to: 10 }),
    },
    taps: ['tapped', 'wide'],
  });
}

/** Two images, 16 × 16 × 3, the same every time. */
export function testImages(): tf.Tensor4D {
  return tf.tensor4d(
    Float32Array.from(
      { length: 2 * 16 * 16 * 3 },
      (_, n) => 0.5 + 0.5 * Math.sin(0.37 * n + 1e-4 * n * n),
    ),
    [2, 16, 16, 3],
  );
}
