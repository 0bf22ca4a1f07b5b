import type { Network } from '@kd/core';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import {
  efficientNetLite,
  loadWeights,
  mobileNetV2,
  type PreprocessingOptions,
  shuffleNetV1,
  shuffleNetV2,
} from '../src/index.ts';
import { hashed, toNhwc } from './formula.ts';
import { type Golden, goldens, networkNamed } from './mobileFixture.ts';
import { entry, inMemory } from './weights/inMemory.ts';

const prepare: PreprocessingOptions = {
  size: 'asGiven',
  normalize: { mean: [0, 0, 0], std: [1, 1, 1] },
};
const options = { classes: 10, seed: 0, prepare };
const rows = Object.entries(goldens).map(([title, golden]) => ({ title, golden }));

onEveryEngine((engine) => {
  test.each(rows)(
    '$title gives the logits and features of PyTorch for the same weights, folded as well',
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
          if (outputs === undefined) throw new Error('expected a folded network');
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
    '$title: a step along the gradient lowers the loss in training by as much as the gradient says',
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

test('names, heads, taps and preparations', () => {
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
  expect(
    networks.map(({ preprocessing: preparation }) => preparation?.split('+normalize')[0]),
  ).toEqual([
    'resize(260,bicubic,antialias)+centre(260)',
    'resize(224,bilinear,antialias)+centre(224)',
    expect.stringMatching(/^normalize\(mean=\[0\.4914/),
    expect.stringMatching(/^normalize\(mean=\[0\.4914/),
    'resize(224,bilinear,antialias)+centre(224)',
  ]);
  for (const network of networks) network.dispose();
});

test('in training, what has dropout asks for a seed', () => {
  const network = efficientNetLite({ ...options, version: 0 });
  expect(() => network.forward(tf.zeros([2, 32, 32, 3]), { training: true })).toThrow(
    /^dropout: expected a seed to draw from in training, got none/,
  );
  network.dispose();
});

test('what is none of them is refused', () => {
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
