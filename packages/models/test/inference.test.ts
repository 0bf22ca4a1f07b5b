import type { InferenceNetwork } from '@kd/core';
import { onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { fuseBatchNorm, splitBackbone, studentCnn } from '../src/index.ts';
import { networksFor, testFuseBatchNorm, testFusedInference } from './networkSuites.ts';
import { testImages } from './smallNetworks.ts';

onEveryEngine((engine) => {
  testFusedInference(networksFor(engine));

  test('a refresh computes nothing if no weight has changed, and folds again if one has', async () => {
    const network = studentCnn({ classes: 10, seed: 1 });
    const fused = network.inference?.() as InferenceNetwork;
    const kernelsOfRefresh = async () => (await tf.profile(() => fused.refresh())).kernels.length;
    expect(await kernelsOfRefresh()).toBe(0);
    const variance = network.weights['stage2.bn.variance'] as tf.Variable;
    tf.tidy(() => variance.assign(tf.fill(variance.shape, 3)));
    expect(await kernelsOfRefresh()).toBeGreaterThan(0);
    expect(await kernelsOfRefresh()).toBe(0);
    network.dispose();
  });

  test('batch norm behind a convolution runs within its kernel', async () => {
    const network = studentCnn({ classes: 10, seed: 1 });
    const fused = network.inference?.() as InferenceNetwork;
    const images = testImages();
    const { kernels } = await tf.profile(() => tf.tidy(() => fused.forward(images).logits.shape));
    const names = kernels.map(({ name }) => name);
    expect(names.filter((name) => name === 'FusedConv2D')).toHaveLength(3);
    expect(names.filter((name) => /norm/i.test(name))).toEqual([]);
    images.dispose();
    network.dispose();
  });
});

const studentWeights = [
  'fc.bias',
  'fc.kernel',
  ...[1, 2, 3].flatMap((stage) => [`stage${stage}.conv.bias`, `stage${stage}.conv.kernel`]),
];

onEveryEngine((engine) => {
  testFuseBatchNorm(networksFor(engine));

  test('its own weights are freed as fused ones are created, and those that stay keep their names', async () => {
    const others = tf.memory().numBytes;
    const network = studentCnn({ classes: 10, seed: 1 });
    network.inference?.();
    const own = Object.entries(network.weights);
    const before = tf.memory().numBytes - others;
    const fused = fuseBatchNorm(network);
    expect(Object.keys(fused.weights).sort()).toEqual(studentWeights.sort());
    expect(tf.memory().numBytes - others).toBeLessThan(before / 1.9);
    expect(own.filter(([, weight]) => !weight.isDisposed).map(([name]) => name)).toEqual([
      'fc.kernel',
      'fc.bias',
    ]);
    fused.dispose();
  });
});

test('a fused network does not train', () => {
  const fused = fuseBatchNorm(studentCnn({ classes: 10, seed: 1 }));
  const images = testImages();
  expect(() => fused.forward(images, { training: true })).toThrow(
    'expected training: false, got true; fuse after the last training',
  );
  images.dispose();
  fused.dispose();
});

test('a part of a network is not fused', () => {
  const network = studentCnn({ classes: 10, seed: 1 });
  expect(() => fuseBatchNorm(splitBackbone(network).head)).toThrow(
    'fuseBatchNorm: expected a whole network',
  );
  expect(() => fuseBatchNorm({ weights: {}, forward: network.forward, dispose() {} })).toThrow(
    'fuseBatchNorm: expected a network of createNetwork',
  );
  network.dispose();
});
