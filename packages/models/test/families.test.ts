import { readFileSync } from 'node:fs';
import type { Network } from '@kd/core';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { cifarResnet, type PreprocessingOptions, vgg, wideResnet } from '../src/index.ts';
import { fillByFormula, goldenImages } from './formula.ts';

interface Golden {
  readonly seed: number;
  readonly lastNorm: string;
  readonly names: readonly string[];
  readonly logits: readonly number[][];
  readonly taps: Readonly<Record<string, { readonly mean: number; readonly norm: number }>>;
}

/** RepDistiller's networks in float64; made by test/torch/families.py. */
const { goldens } = JSON.parse(
  readFileSync(new URL('fixtures/families.json', import.meta.url), 'utf8'),
) as { goldens: Record<string, Golden> };

const prepare: PreprocessingOptions = { normalize: { mean: [0, 0, 0], std: [1, 1, 1] } };
const options = { classes: 10, seed: 0, prepare };
const makers: Readonly<Record<string, () => Network>> = {
  'cifarResnet 8': () => cifarResnet({ ...options, depth: 8, shortcut: 'projection' }),
  'wideResnet 16-1': () => wideResnet({ ...options, depth: 16, width: 1 }),
  'vgg 11, an eighth as wide': () => vgg({ ...options, depth: 11, width: 1 / 8 }),
};
const rows = Object.entries(makers).map(([title, make]) => ({
  title,
  make,
  golden: goldens[title] as Golden,
}));

onEveryEngine(() => {
  test.each(rows)(
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

test.each(rows)(
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
  const wide = wideResnet({ ...options, depth: 10, width: 2 });
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
  const small = vgg({ ...options, depth: 11, width: 1 / 16 });
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

test('what is none of them is refused', () => {
  expect(() => wideResnet({ ...options, depth: 20 as 16, width: 1 })).toThrow(
    'wideResnet: expected depth among 10, 16, 22, 28, 34, 40, got 20.',
  );
  expect(() => wideResnet({ ...options, depth: 16, width: 0 })).toThrow(
    'wideResnet: expected width > 0, got 0; 1 is the published width.',
  );
  expect(() => vgg({ ...options, depth: 12 as 11 })).toThrow(
    'vgg: expected depth among 8, 11, 13, 16, 19, got 12.',
  );
  expect(() => vgg({ ...options, classes: 1, depth: 8 })).toThrow(
    'vgg: expected classes as a whole number ≥ 2, got 1.',
  );
});
