import '@tensorflow/tfjs-backend-cpu';
import type { Network } from '@kd/core';
import { expectNoNewTensors } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import {
  cifarResnet,
  createNetwork,
  dense,
  globalAveragePool,
  type LayerFactory,
  profile,
  studentCnn,
  summary,
  tutorialCnn,
} from '../src/index.ts';

test("tutorialCnn's counts, by hand", async () => {
  await expectNoNewTensors(() => {
    const network = tutorialCnn({ classes: 10, seed: 0 });
    const maps = 32 * 32 * 9 * (3 * 64 + 64 * 64) + 16 * 16 * 9 * (64 * 128 + 128 * 128);
    const macs = maps + 128 * 32 + 32 * 10;
    const parameters =
      9 * (3 * 64 + 64 * 64 + 64 * 128 + 128 * 128) +
      64 +
      64 +
      128 +
      128 +
      (128 * 32 + 32) +
      (32 * 10 + 10);
    expect(parameters).toBe(264_618);
    expect(profile(network, [32, 32, 3])).toEqual({
      parameters,
      bytes: 4 * parameters,
      macs,
      flops: 2 * macs,
    });
    network.dispose();
  });
});

test('ResNet-20: 0.27 M parameters and 40.6 M multiply-adds', () => {
  const network = cifarResnet({ depth: 20, classes: 10, seed: 0 });
  expect(profile(network, [32, 32, 3])).toEqual({
    parameters: 269_722,
    bytes: 4 * (269_722 + 1376),
    macs: 40_551_040,
    flops: 81_102_080,
  });
  network.dispose();
});

test('the summary is a table that ends with totals and what was counted', () => {
  const network = studentCnn({ classes: 10, seed: 0, widths: [8, 16] });
  expect(summary(network, [32, 32, 3])).toBe(
    [
      'studentCnn 8-16, images 32 × 32 × 3, preprocessing: normalize(mean 0.4914 0.4822 0.4465, std 0.247 0.2435 0.2616)',
      'layer        kind                 output        parameters      FLOPs',
      'stage1.conv  convolution 3×3      32 × 32 × 8          216    442,368',
      'stage1.bn    batch norm           32 × 32 × 8           16          0',
      'pool1        max pool 2×2         16 × 16 × 8            0          0',
      'stage2.conv  convolution 3×3      16 × 16 × 16       1,152    589,824',
      'stage2.bn    batch norm           16 × 16 × 16          32          0',
      'pooled       global average pool  16                     0          0',
      'fc           dense                10                   170        320',
      'total                                                1,586  1,032,512',
      '1,586 parameters, 6,536 bytes as float32 (running averages included), 516,256 multiply-adds an image.',
      'FLOPs = 2 × multiply-adds of convolutions and matrix products, for one image.',
    ].join('\n'),
  );
  network.dispose();
});

test('a network that reports no layers shows its parameters and unknown FLOPs', () => {
  const kernel = tf.variable(tf.zeros([12, 10]));
  const network: Network = {
    weights: { kernel },
    forward: (images) => ({
      logits: tf.matMul(tf.reshape(images, [-1, 12]), kernel),
      features: {},
    }),
    dispose: () => kernel.dispose(),
  };
  expect(profile(network, [2, 2, 3])).toEqual({
    parameters: 120,
    bytes: 480,
    macs: Number.NaN,
    flops: Number.NaN,
  });
  expect(summary(network, [2, 2, 3]).split('\n').slice(-1)).toEqual([
    'FLOPs unknown: a layer reports no multiply-adds; report them through mode.onLayer.',
  ]);
  network.dispose();
});

test('a custom layer that reports nothing is listed with its parameters, and makes the total unknown', () => {
  const gain: LayerFactory = (name) => {
    const factor = tf.variable(tf.ones([3]));
    return {
      name,
      stride: 1,
      weights: { [`${name}.factor`]: factor },
      apply: (x) => tf.mul(x, factor),
    };
  };
  const network = createNetwork({
    name: 'own',
    seed: 0,
    layers: { gain, pooled: globalAveragePool(), fc: dense({ from: 3, to: 2 }) },
  });
  expect(summary(network, [4, 4, 3])).toContain(
    'gain    custom               4 × 4 × 3           3  unknown',
  );
  expect(profile(network, [4, 4, 3])).toMatchObject({ parameters: 11, flops: Number.NaN });
});

test('an image shape that is none is refused', () => {
  const network = studentCnn({ classes: 2, seed: 0 });
  expect(() => summary(network, [32, 0, 3])).toThrow(
    'summary: expected imageShape [height, width, channels], got [32, 0, 3].',
  );
});
