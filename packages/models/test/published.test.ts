// @isolated: it replaces a module.

import { readFileSync } from 'node:fs';
import type { Network } from '@kd/core';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test, vi } from 'vitest';
import {
  cifarResnet,
  efficientNetLite,
  mobileNetV2,
  type PreprocessingOptions,
  resnet,
  shuffleNetV1,
  shuffleNetV2,
  tutorialCnn,
  vgg,
  wideResnet,
} from '../src/index.ts';
import { fillByFormula, goldenImages } from './formula.ts';
import { asTheyAre, testMobileGoldens } from './networkSuites.ts';

// Every weight of these tests is set by a formula, so initial values would only take time.
vi.mock('../src/layers/initializers.ts', async (original) => {
  const initializers = await original<typeof import('../src/layers/initializers.ts')>();
  return {
    ...initializers,
    initializedVariable: (_: string, shape: number[]) =>
      initializers.ownedVariable(tf.zeros(shape), true),
  };
});

interface FamilyGolden {
  readonly seed: number;
  readonly lastNorm: string;
  readonly names: readonly string[];
  readonly logits: readonly number[][];
  readonly taps: Readonly<Record<string, { readonly mean: number; readonly norm: number }>>;
}

/** RepDistiller's networks in float64; made by test/torch/families.py. */
const { goldens: familyGoldens } = JSON.parse(
  readFileSync(new URL('./fixtures/families.json', import.meta.url), 'utf8'),
) as { goldens: Record<string, FamilyGolden> };

const prepare: PreprocessingOptions = { normalize: { mean: [0, 0, 0], std: [1, 1, 1] } };
const familyOptions = { classes: 10, seed: 0, prepare };
const families: Readonly<Record<string, () => Network>> = {
  'cifarResnet 8': () => cifarResnet({ ...familyOptions, depth: 8, shortcut: 'projection' }),
  'wideResnet 16-1': () => wideResnet({ ...familyOptions, depth: 16, width: 1 }),
  'vgg 11, an eighth as wide': () => vgg({ ...familyOptions, depth: 11, width: 1 / 8 }),
};
const familyRows = Object.entries(families).map(([title, make]) => ({
  title,
  make,
  golden: familyGoldens[title] as FamilyGolden,
}));

onEveryEngine(() => {
  test.each(familyRows)(
    "$title gives RepDistiller's logits and features for the same weights",
    async ({ make, golden }) => {
      await expectNoNewTensors(() => {
        const network = make();
        fillByFormula(network, golden.seed, golden.lastNorm);
        const images = tf.tensor4d(goldenImages(), [2, 32, 32, 3]);
        const outputs = network.forward(images, { training: false });
        expectClose(outputs.logits.dataSync(), golden.logits.flat(), 1e-4);
        expect(Object.keys(outputs.features)).toEqual(Object.keys(golden.taps));
        for (const [tap, { mean, norm }] of Object.entries(golden.taps)) {
          const feature = outputs.features[tap] as tf.Tensor;
          const [ownMean, ownNorm] = tf.tidy(() => [
            tf.mean(feature).dataSync()[0],
            tf.norm(feature).dataSync()[0],
          ]);
          expectClose([ownMean as number, ownNorm as number], [mean, norm], 1e-4);
          expect(Math.abs((ownMean as number) - mean)).toBeLessThan(
            (1e-4 * norm) / Math.sqrt(feature.size),
          );
        }
        tf.dispose([images, outputs.logits, outputs.features]);
        network.dispose();
      });
    },
  );
});

const suffixes: Readonly<Record<string, string>> = {
  kernel: 'weight',
  scale: 'weight',
  offset: 'bias',
  mean: 'running_mean',
  variance: 'running_var',
};

test.each(familyRows)(
  '$title: weights lie in the order of state_dict(), and are called as there',
  ({ make, golden }) => {
    const network = make();
    const theirs = Object.keys(network.weights).map((weight) => {
      const [layer, part] = [
        weight.slice(0, weight.lastIndexOf('.')),
        weight.slice(weight.lastIndexOf('.') + 1),
      ];
      return `${network.keyMaps?.repDistiller?.(layer)}.${suffixes[part] ?? part}`;
    });
    expect(theirs).toEqual(golden.names);
    network.dispose();
  },
);

test('taps of a WideResNet and of a VGG', () => {
  const wide = wideResnet({ ...familyOptions, depth: 10, width: 2 });
  expect([wide.name, wide.head, wide.featureInfo]).toEqual([
    'WRN-10-2',
    'fc',
    {
      stage1: { channels: 32, stride: 1 },
      stage2: { channels: 64, stride: 2 },
      stage3: { channels: 128, stride: 4 },
      pooled: { channels: 128, stride: 0 },
    },
  ]);
  wide.dispose();
  const small = vgg({ ...familyOptions, depth: 11, width: 1 / 16 });
  expect([small.name, small.head, small.featureInfo]).toEqual([
    'VGG-11 w0.0625',
    'fc',
    {
      stage1: { channels: 4, stride: 1 },
      stage2: { channels: 8, stride: 2 },
      stage3: { channels: 16, stride: 4 },
      stage4: { channels: 32, stride: 8 },
      stage5: { channels: 32, stride: 8 },
      pooled: { channels: 32, stride: 0 },
    },
  ]);
  small.dispose();
});

test('unknown depths and widths are refused', () => {
  expect(() => wideResnet({ ...familyOptions, depth: 20 as 16, width: 1 })).toThrow(
    'wideResnet: expected depth among 10, 16, 22, 28, 34, 40, got 20.',
  );
  expect(() => wideResnet({ ...familyOptions, depth: 16, width: 0 })).toThrow(
    'wideResnet: expected width > 0, got 0; 1 is the published width.',
  );
  expect(() => vgg({ ...familyOptions, depth: 12 as 11 })).toThrow(
    'vgg: expected depth among 8, 11, 13, 16, 19, got 12.',
  );
  expect(() => vgg({ ...familyOptions, classes: 1, depth: 8 })).toThrow(
    'vgg: expected classes as a whole number ≥ 2, got 1.',
  );
});

interface TinyGolden {
  readonly logits: number[][];
  readonly pooledFirst10: number[][];
}

onEveryEngine(() => {
  test("tutorialCnn is the tutorial's student: PyTorch's logits for the same weights", () => {
    const network = tutorialCnn({ classes: 10, seed: 0, prepare: asTheyAre });
    fillByFormula(network, 13, 'none');
    expectGolden(network, readGolden('seedStudent'));
  });

  test.each([
    { fixture: 'tinyResnet', block: 'basic', blocks: [1, 1, 1, 1], seed: 11, lastNorm: 'bn2' },
    {
      fixture: 'tinyBottleneck',
      block: 'bottleneck',
      blocks: [1, 2, 1, 1],
      seed: 12,
      lastNorm: 'bn3',
    },
  ] as const)(
    "resnet of $block blocks gives torchvision's logits for the same weights",
    ({ fixture, block, blocks, seed, lastNorm }) => {
      const network = resnet({
        depth: { block, blocks },
        stem: 'imagenet',
        width: 1 / 8,
        classes: 10,
        seed: 0,
        prepare: asTheyAre,
      });
      fillByFormula(network, seed, lastNorm);
      expectGolden(network, readGolden(fixture));
    },
  );
});

function expectGolden(network: Network, { logits, pooledFirst10 }: TinyGolden): void {
  const images = tf.tensor4d(goldenImages(), [2, 32, 32, 3]);
  const outputs = network.forward(images, { training: false });
  expectClose(outputs.logits.dataSync(), logits.flat(), 1e-4);
  const pooled = outputs.features.pooled?.arraySync() as number[][];
  expectClose(
    pooled.flatMap((row) => row.slice(0, 10)),
    pooledFirst10.flat(),
    1e-4,
  );
  tf.dispose([images, outputs.logits, ...Object.values(outputs.features)]);
  network.dispose();
}

function readGolden(name: string): TinyGolden {
  return JSON.parse(
    readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), 'utf8'),
  ) as TinyGolden;
}

const options = { classes: 10, seed: 0, prepare: asTheyAre };

onEveryEngine((engine) => {
  if (engine === 'cpu') test('on cpu: networks.slow.test.ts', ({ skip }) => skip());
  else testMobileGoldens();
});

test('names, heads, taps and preprocessing', () => {
  const networks = [
    efficientNetLite({ classes: 10, seed: 0, version: 2 }),
    mobileNetV2({ classes: 10, seed: 0, stem: 'imagenet', width: 0.5 }),
    mobileNetV2({ classes: 10, seed: 0, stem: 'cifar' }),
    shuffleNetV1({ classes: 10, seed: 0 }),
    shuffleNetV2({ classes: 10, seed: 0, stem: 'imagenet', width: 0.5 }),
  ];
  const taps = (network: Network) =>
    Object.fromEntries(
      Object.entries(network.featureInfo ?? {}).map(([name, { channels, stride }]) => [
        name,
        [channels, stride],
      ]),
    );
  expect(networks.map((network) => [network.name, network.head, taps(network)])).toEqual([
    [
      'EfficientNet-Lite2',
      'fc',
      { stage2: [24, 4], stage3: [48, 8], stage5: [120, 16], stage7: [352, 32], pooled: [1280, 0] },
    ],
    [
      'MobileNetV2 w0.5 imagenet',
      'fc',
      { stage2: [16, 4], stage3: [16, 8], stage5: [48, 16], stage7: [160, 32], pooled: [1280, 0] },
    ],
    [
      'MobileNetV2 cifar',
      'fc',
      { stage2: [24, 2], stage3: [32, 4], stage5: [96, 8], stage7: [320, 16], pooled: [1280, 0] },
    ],
    [
      'ShuffleNetV1 g3',
      'fc',
      { stage1: [240, 2], stage2: [480, 4], stage3: [960, 8], pooled: [960, 0] },
    ],
    [
      'ShuffleNetV2 w0.5 imagenet',
      'fc',
      { stage1: [48, 8], stage2: [96, 16], stage3: [192, 32], pooled: [1024, 0] },
    ],
  ]);
  expect(networks.map(({ preprocessing }) => preprocessing?.split(', normalize')[0])).toEqual([
    'resize(260, bicubic, antialias), centerCrop(260)',
    'resize(224, bilinear, antialias), centerCrop(224)',
    expect.stringMatching(/^normalize\(mean 0\.4914/),
    expect.stringMatching(/^normalize\(mean 0\.4914/),
    'resize(224, bilinear, antialias), centerCrop(224)',
  ]);
  for (const network of networks) network.dispose();
});

test('in training, a network with dropout requires a seed', () => {
  const network = efficientNetLite({ ...options, version: 0 });
  expect(() => network.forward(tf.zeros([2, 32, 32, 3]), { training: true })).toThrow(
    /^dropout: expected a seed to draw from in training, got none/,
  );
  network.dispose();
});

test('unknown versions, stems, groups and widths are refused', () => {
  expect(() => efficientNetLite({ ...options, version: 3 as 2 })).toThrow(
    'efficientNetLite: expected version among 0, 1, 2, got 3.',
  );
  expect(() => mobileNetV2({ ...options, stem: 'mnist' as 'cifar' })).toThrow(
    'mobileNetV2: expected stem imagenet or cifar, got mnist.',
  );
  expect(() => mobileNetV2({ ...options, stem: 'cifar', width: -1 })).toThrow(
    'mobileNetV2: expected width > 0, got -1; 1 is the published width.',
  );
  expect(() => shuffleNetV1({ ...options, groups: 4 as 3 })).toThrow(
    'shuffleNetV1: expected groups among 2, 3, got 4.',
  );
  expect(() => shuffleNetV2({ ...options, stem: 'cifar', width: 3 as 2 })).toThrow(
    'shuffleNetV2: expected width among 0.5, 1, 1.5, 2, got 3.',
  );
  expect(() => shuffleNetV2({ ...options, stem: 'cifar', classes: 1 })).toThrow(
    'shuffleNetV2: expected classes as a whole number ≥ 2, got 1.',
  );
});
