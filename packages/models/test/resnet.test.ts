import { expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { resnet } from '../src/index.ts';

onEveryEngine(() => {
  test.each([
    { stem: 'imagenet', strides: [4, 8, 16, 32] },
    { stem: 'cifar', strides: [1, 2, 4, 8] },
  ] as const)(
    'with the stem $stem, taps are as described in both modes, and no tensor is left',
    async ({ stem, strides }) => {
      await expectNoNewTensors(() => {
        const network = resnet({
          depth: { block: 'bottleneck', blocks: [1, 1, 1, 1] },
          stem,
          width: 1 / 16,
          classes: 10,
          seed: 0,
          prepare: { size: 'asGiven' },
        });
        expect(network.featureInfo).toEqual({
          ...Object.fromEntries(
            strides.map((stride, at) => [`stage${at + 1}`, { channels: 16 * 2 ** at, stride }]),
          ),
          pooled: { channels: 128, stride: 0 },
        });
        const side = 2 * (strides[3] as number);
        const images = tf.fill([2, side, side, 3], 0.3) as tf.Tensor4D;
        for (const training of [true, false]) {
          const { logits, features } = network.forward(images, { training });
          expect(logits.shape).toEqual([2, 10]);
          strides.forEach((stride, at) => {
            expect(features[`stage${at + 1}`]?.shape).toEqual([
              2,
              side / stride,
              side / stride,
              16 * 2 ** at,
            ]);
          });
          expect(features.pooled?.shape).toEqual([2, 128]);
          tf.dispose([logits, features]);
        }
        images.dispose();
        network.dispose();
      });
    },
  );
});

test('what is no ResNet is refused', () => {
  const options = { stem: 'imagenet', classes: 10, seed: 0 } as const;
  expect(() => resnet({ ...options, depth: 20 as 18 })).toThrow(
    'resnet: expected depth among 18, 34, 50, 101, 152, got 20.',
  );
  expect(() => resnet({ ...options, depth: 18, stem: 'mnist' as 'cifar' })).toThrow(
    'resnet: expected stem imagenet or cifar, got mnist.',
  );
  expect(() => resnet({ ...options, depth: { block: 'basic', blocks: [1, 0, 1, 1] } })).toThrow(
    'resnet: expected four whole numbers of blocks ≥ 1, got [1, 0, 1, 1].',
  );
  expect(() =>
    resnet({ ...options, depth: { block: 'dense' as 'basic', blocks: [1, 1, 1, 1] } }),
  ).toThrow('resnet: expected block basic or bottleneck, got dense.');
});

test("weights lie in the order of torchvision's state_dict, and their names are its names by a few rules", () => {
  const network = resnet({
    depth: { block: 'bottleneck', blocks: [1, 1, 1, 1] },
    stem: 'imagenet',
    width: 1 / 16,
    classes: 10,
    seed: 0,
  });
  expect(Object.keys(network.weights).slice(0, 16)).toEqual([
    'stem.conv.kernel',
    ...parts('stem.bn'),
    'stage1.block0.conv1.kernel',
    ...parts('stage1.block0.bn1'),
    'stage1.block0.conv2.kernel',
    ...parts('stage1.block0.bn2'),
    'stage1.block0.conv3.kernel',
  ]);
  expect(Object.keys(network.weights).slice(20, 25)).toEqual([
    'stage1.block0.shortcut.conv.kernel',
    ...parts('stage1.block0.shortcut.bn'),
  ]);
  network.dispose();
});

function parts(norm: string): string[] {
  return ['scale', 'offset', 'mean', 'variance'].map((part) => `${norm}.${part}`);
}
