import { readFileSync } from 'node:fs';
import type { Network } from '@kd/core';
import { onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test, vi } from 'vitest';
import {
  type CifarResnetDepth,
  cifarResnet,
  profile,
  type ResnetDepth,
  resnet,
  type VggDepth,
  vgg,
  type WideResnetDepth,
  wideResnet,
} from '../src/index.ts';

// Sizes need no first values, and sixty million of them take their time.
vi.mock('../src/layers/initial.ts', async (original) => ({
  ...(await original<typeof import('../src/layers/initial.ts')>()),
  drawnVariable: (_: string, shape: number[]) => tf.variable(tf.zeros(shape)),
}));

type Sizes = Readonly<
  Record<string, { readonly parameters: number; readonly multiplyAdds: number }>
>;

/** RepDistiller's networks for 100 classes at 32 × 32; made by test/torch/families.py. */
const { sizes } = JSON.parse(
  readFileSync(new URL('fixtures/families.json', import.meta.url), 'utf8'),
) as { sizes: Sizes };

/** torchvision's tables of its weights: parameters, and 1e9 multiply-adds at 224 × 224. */
const torchvision: Readonly<Record<ResnetDepth, readonly [number, number]>> = {
  18: [11_689_512, 1.814],
  34: [21_797_672, 3.664],
  50: [25_557_032, 4.089],
  101: [44_549_160, 7.801],
  152: [60_192_808, 11.514],
};

const options = { classes: 100, seed: 0 };
const families: Readonly<Record<string, (variant: string) => Network>> = {
  cifarResnet: (variant) =>
    cifarResnet({
      ...options,
      depth: (variant.includes('x') ? variant : Number(variant)) as CifarResnetDepth,
      shortcut: 'projection',
    }),
  vgg: (variant) => vgg({ ...options, depth: Number(variant) as VggDepth }),
  wideResnet(variant) {
    const [depth, width] = variant.split('-').map(Number) as [WideResnetDepth, number];
    return wideResnet({ ...options, depth, width });
  },
};

onEveryEngine((engine) => {
  // What is counted depends on no engine, and the others take minutes.
  const testOnce = test.skipIf(engine !== 'tensorflow');

  testOnce.each(Object.entries(sizes))(
    "%s weighs and costs what RepDistiller's does",
    (title, published) => {
      const [family, variant] = title.split(' ') as [string, string];
      const network = families[family]?.(variant) as Network;
      expect(profile(network, [32, 32, 3])).toMatchObject(published);
      network.dispose();
    },
  );

  testOnce.each(Object.entries(torchvision))(
    "ResNet-%s weighs and costs what torchvision's does",
    (depth, [parameters, giga]) => {
      const network = resnet({
        depth: Number(depth) as ResnetDepth,
        stem: 'imagenet',
        classes: 1000,
        seed: 0,
      });
      const own = profile(network, [32, 32, 3]);
      expect([own.parameters, Number((own.macs / 1e9).toFixed(3))]).toEqual([parameters, giga]);
      network.dispose();
    },
  );

  testOnce(
    'with the stem for CIFAR, ResNet-18 has 11.17 M parameters and 0.56 G multiply-adds at 32',
    () => {
      const network = resnet({ depth: 18, stem: 'cifar', classes: 10, seed: 0 });
      expect(profile(network, [32, 32, 3])).toMatchObject({
        parameters: 11_173_962,
        multiplyAdds: 555_422_720,
      });
      network.dispose();
    },
  );
});
