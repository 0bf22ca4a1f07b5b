import { normalizeBatch } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { maps, positive, type Row, random } from './inputs.ts';

const t4 = (x: tf.Tensor | undefined): tf.Tensor4D => x as tf.Tensor4D;

export const images: Row[] = [
  ...(['same', 'valid', 1] as const).map(
    (pad): Row => [
      `conv2d, ${pad}`,
      (x, filter) =>
        tf.conv2d(t4(x), t4(filter), 2, pad, 'NHWC', 1, pad === 1 ? 'floor' : undefined),
      () => [random(1, 2, 6, 6, 4), random(2, 3, 3, 4, 5)],
    ],
  ),
  [
    'conv2d, dilated',
    (x, filter) => tf.conv2d(t4(x), t4(filter), 1, 'same', 'NHWC', 2),
    () => [random(1, 2, 6, 6, 4), random(2, 3, 3, 4, 5)],
    'no gradient',
  ],
  [
    'conv2dTranspose',
    (x, filter) => tf.conv2dTranspose(t4(x), t4(filter), [2, 12, 12, 3], 2, 'same'),
    () => [random(1, 2, 6, 6, 4), random(2, 3, 3, 3, 4)],
  ],
  [
    'depthwiseConv2d',
    (x, filter) => tf.depthwiseConv2d(t4(x), t4(filter), 1, 'same'),
    () => [random(1, 2, 6, 6, 4), random(2, 3, 3, 4, 1)],
  ],
  [
    'separableConv2d',
    (x, a, b) => tf.separableConv2d(t4(x), t4(a), t4(b), 1, 'same'),
    () => [random(1, 2, 6, 6, 4), random(2, 3, 3, 4, 1), random(3, 1, 1, 4, 5)],
  ],
  [
    'fused conv2d',
    (x, filter, bias) =>
      tf.fused.conv2d({
        x: t4(x),
        filter: t4(filter),
        strides: 1,
        pad: 'same',
        bias: bias as tf.Tensor,
        activation: 'relu',
      }),
    () => [random(1, 2, 6, 6, 4), random(2, 3, 3, 4, 5), random(3, 5)],
  ],
  [
    'fused conv2d, ReLU6, padded by number',
    (x, filter, bias) =>
      tf.fused.conv2d({
        x: t4(x),
        filter: t4(filter),
        strides: 2,
        pad: 1,
        dimRoundingMode: 'floor',
        bias: bias as tf.Tensor,
        activation: 'relu6',
      }),
    () => [random(1, 2, 6, 6, 4), random(2, 3, 3, 4, 5), random(3, 5)],
  ],
  [
    'fused matMul',
    (a, b, bias) =>
      tf.fused.matMul({
        a: a as tf.Tensor,
        b: b as tf.Tensor,
        bias: bias as tf.Tensor,
        activation: 'relu',
      }),
    () => [random(1, 3, 4), random(2, 4, 5), random(3, 5)],
  ],
  ...(['same', 'valid'] as const).flatMap((pad): Row[] => [
    [`maxPool, ${pad}`, (x) => tf.maxPool(t4(x), 3, 2, pad), maps],
    [`avgPool, ${pad}`, (x) => tf.avgPool(t4(x), 3, 2, pad), maps],
  ]),
  ['maxPool side by side', (x) => tf.maxPool(t4(x), 2, 2, 'valid'), maps],
  [
    'batchNorm',
    (x, mean, variance, offset, scale) =>
      tf.batchNorm(
        x as tf.Tensor,
        mean as tf.Tensor1D,
        variance as tf.Tensor1D,
        offset as tf.Tensor1D,
        scale as tf.Tensor1D,
        1e-3,
      ),
    () => [random(1, 2, 6, 6, 4), random(2, 4), positive(3, 4), random(4, 4), random(5, 4)],
  ],
  [
    'normalizeBatch',
    (x, scale, offset) =>
      normalizeBatch(t4(x), scale as tf.Tensor1D, offset as tf.Tensor1D, 1e-3).output,
    () => [random(1, 2, 6, 6, 4), random(2, 4), random(3, 4)],
  ],
  ['localResponseNormalization', (x) => tf.localResponseNormalization(t4(x)), maps],
  ['resizeBilinear', (x) => tf.image.resizeBilinear(t4(x), [9, 5]), maps],
  ['resizeNearestNeighbor', (x) => tf.image.resizeNearestNeighbor(t4(x), [9, 5]), maps],
  ['flipLeftRight', (x) => tf.image.flipLeftRight(t4(x)), maps, 'no gradient'],
  [
    'cropAndResize',
    (x, boxes) =>
      tf.image.cropAndResize(t4(x), boxes as tf.Tensor2D, tf.tensor1d([0, 1], 'int32'), [3, 3]),
    () => [
      random(1, 2, 6, 6, 4),
      tf.tensor2d([
        [0, 0, 1, 1],
        [0.1, 0.2, 0.7, 0.8],
      ]),
    ],
    'no gradient',
  ],
  [
    'conv3d, pool3d',
    (x, filter) =>
      tf.maxPool3d(tf.conv3d(x as tf.Tensor5D, filter as tf.Tensor5D, 1, 'same'), 2, 2, 'valid'),
    () => [random(1, 1, 4, 4, 4, 2), random(2, 2, 2, 2, 2, 3)],
  ],
];
