import type { Network } from '@kd/core';
import { expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { fuseBatchNorm, splitBackbone, studentCnn } from '../src/index.ts';
import { makers, pictures } from './makers.ts';
import { expectSame, scatter } from './scatter.ts';

const studentWeights = [
  'fc.bias',
  'fc.kernel',
  ...[1, 2, 3].flatMap((stage) => [`stage${stage}.conv.bias`, `stage${stage}.conv.kernel`]),
];

onEveryEngine(() => {
  test.each(Object.entries(makers))(
    '%s: fused, it gives the same logits and features, and leaves no tensor',
    async (_, make) => {
      const images = pictures();
      await expectNoNewTensors(() => {
        const [network, taken] = [make(), make()];
        for (const one of [network, taken]) scatter(one, 1);
        const fused = fuseBatchNorm(taken);
        expectSame(network, asFolded(fused), images);
        fused.dispose();
        network.dispose();
      });
      images.dispose();
    },
  );

  test('its own weights go as the fused ones come, and those that stay keep their names', async () => {
    const network = studentCnn({ classes: 10, seed: 1 });
    network.inference?.();
    const own = Object.entries(network.weights);
    const before = tf.memory().numBytes;
    const fused = fuseBatchNorm(network);
    expect(Object.keys(fused.weights).sort()).toEqual(studentWeights.sort());
    expect(tf.memory().numBytes).toBeLessThan(before / 1.9);
    expect(own.filter(([, weight]) => !weight.isDisposed).map(([name]) => name)).toEqual([
      'fc.kernel',
      'fc.bias',
    ]);
    fused.dispose();
  });
});

test('a fused network does not train', () => {
  const fused = fuseBatchNorm(studentCnn({ classes: 10, seed: 1 }));
  const images = pictures();
  expect(() => fused.forward(images, { training: true })).toThrow(
    'expected training: false, got true; fuse after the last training',
  );
  images.dispose();
  fused.dispose();
});

test('a part of a network is not fused', () => {
  const network = studentCnn({ classes: 10, seed: 1 });
  expect(() => fuseBatchNorm(splitBackbone(network).head)).toThrow(
    'fuse: expected a whole network',
  );
  expect(() => fuseBatchNorm({ weights: {}, forward: network.forward, dispose() {} })).toThrow(
    'fuse: expected a network of createNetwork',
  );
  network.dispose();
});

function asFolded(network: Network) {
  return { forward: (images: tf.Tensor4D) => network.forward(images, { training: false }) };
}
