import { readFileSync } from 'node:fs';
import type { Network } from '@kd/core';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import {
  cifarResnet,
  efficientNetLite,
  loadWeights,
  mobileNetV2,
  type PreprocessingOptions,
  resnet,
  shuffleNetV1,
  shuffleNetV2,
  tutorialCnn,
  vgg,
  wideResnet,
} from '../src/index.ts';
import { fillByFormula, goldenImages, hashed, toNhwc } from './formula.ts';
import { type Golden, goldens, networkNamed } from './mobileFixture.ts';
import { entry, inMemory } from './weights/inMemory.ts';

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

const asTheyAre: PreprocessingOptions = {
  size: 'asGiven',
  normalize: { mean: [0, 0, 0], std: [1, 1, 1] },
};

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
const rows = Object.entries(goldens).map(([title, golden]) => ({ title, golden }));

onEveryEngine((engine) => {
  test.each(rows)(
    '$title gives the logits and features of PyTorch for the same weights, fused as well',
    async ({ title, golden }) => {
      await expectNoNewTensors(() => {
        const network = networkNamed(title, options);
        loadGolden(network, golden);
        const sides = [2, golden.side, golden.side, 3] as const;
        const images = tf.tensor4d(
          toNhwc((n) => Math.sin(0.017 * n) + 0.4 * Math.cos(0.000023 * n * n + 0.3), sides),
          [...sides],
        );
        for (const outputs of [
          network.forward(images, { training: false }),
          network.inference?.().forward(images),
        ]) {
          if (outputs === undefined) throw new Error('expected an inference network');
          expectClose(outputs.logits.dataSync(), golden.logits.flat(), 1e-4);
          expect(Object.keys(outputs.features)).toEqual([...Object.keys(golden.taps), 'pooled']);
          for (const [tap, { mean, norm }] of Object.entries(golden.taps)) {
            const feature = outputs.features[tap] as tf.Tensor;
            const [ownMean, ownNorm] = tf.tidy(() => [
              tf.mean(feature).dataSync()[0] as number,
              tf.norm(feature).dataSync()[0] as number,
            ]);
            expect(Math.abs(ownMean - mean)).toBeLessThan((1e-4 * norm) / Math.sqrt(feature.size));
            expectClose([ownNorm], [norm], 1e-4);
          }
          tf.dispose([outputs.logits, outputs.features]);
        }
        images.dispose();
        network.dispose();
      });
    },
  );

  // The cpu engine has proven the layers' gradients; whole networks take it minutes.
  test.skipIf(engine === 'cpu').each([
    {
      title: 'EfficientNet-Lite0',
      side: 64,
      make: () => efficientNetLite({ ...options, version: 0 }),
    },
    {
      title: 'MobileNetV2',
      side: 32,
      make: () => mobileNetV2({ ...options, stem: 'cifar', width: 0.25 }),
    },
    { title: 'ShuffleNetV1', side: 32, make: () => shuffleNetV1(options) },
    {
      title: 'ShuffleNetV2',
      side: 32,
      make: () => shuffleNetV2({ ...options, stem: 'cifar', width: 0.5 }),
    },
  ])(
    '$title: a step along the gradient lowers the loss in training by as much as the gradient predicts',
    ({ side, make }) => {
      const network = make();
      // Where the last maps are single pixels, batch norm over four numbers makes the loss so steep
      // that float32 cannot take small steps.
      const images = tf.randomUniform([4, side, side, 3], -1, 1, 'float32', 7) as tf.Tensor4D;
      const labels = tf.oneHot([0, 1, 2, 3], 10);
      const seed = tf.tensor1d([1, 2], 'int32');
      const loss = (): tf.Scalar => {
        const { logits } = network.forward(images, { training: true, seed });
        return tf.neg(tf.mean(tf.sum(tf.mul(labels, tf.logSoftmax(logits)), 1)));
      };
      const trained = Object.values(network.weights).filter((weight) => weight.trainable);
      const { value, grads } = tf.variableGrads(loss, trained);
      const squared = Object.values(grads).reduce(
        (sum, gradient) =>
          sum + (tf.tidy(() => tf.sum(tf.square(gradient)).dataSync()[0]) as number),
        0,
      );
      const lossAfter = (rate: number) => {
        for (const weight of trained)
          tf.tidy(() =>
            weight.assign(tf.sub(weight, tf.mul(rate, grads[weight.name] as tf.Tensor))),
          );
        return tf.tidy(() => loss().dataSync()[0] as number);
      };
      const rate = 0.001 / squared;
      const down = lossAfter(rate);
      const up = lossAfter(-2 * rate);
      expect(Math.abs(up - down - 0.002)).toBeLessThan(0.0001);
      tf.dispose([images, labels, seed, value, grads]);
      network.dispose();
    },
  );
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

/** The formula of test/torch/formula.py, through the published names. */
function loadGolden(network: Network, { seed, places, shapes }: Golden): void {
  const entries = Object.entries(shapes).map(([name, shape]) => {
    const u = (n: number) => hashed(n, places[name] as number, seed);
    const fanIn = shape.slice(1).reduce((product, side) => product * side, 1);
    const values = (n: number): number => {
      if (shape.length > 1) return (2 * u(n) - 1) * Math.sqrt(6 / fanIn);
      if (name.endsWith('running_var')) return 0.5 + u(n);
      return name.endsWith('weight') ? 0.75 + 0.5 * u(n) : 0.2 * (2 * u(n) - 1);
    };
    return [name, entry(shape, values)] as const;
  });
  loadWeights(network, inMemory(Object.fromEntries(entries)));
}
