import { readFileSync, writeFileSync } from 'node:fs';
import type { Network } from '@kd/core';
import { onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test, vi } from 'vitest';
import {
  cifarResnet,
  efficientNetLite,
  mobileNetV2,
  profile,
  resnet,
  resnet9,
  shuffleNetV1,
  shuffleNetV2,
  studentCnn,
  tutorialCnn,
  vgg,
  wideResnet,
} from '../src/index.ts';

// Sizes need no first values, and sixty million of them take their time.
vi.mock('../src/layers/initial.ts', async (original) => ({
  ...(await original<typeof import('../src/layers/initial.ts')>()),
  drawnVariable: (_: string, shape: number[]) => tf.variable(tf.zeros(shape)),
}));

type Options = Readonly<Record<string, number | string>>;

const families = {
  studentCnn,
  tutorialCnn,
  resnet9,
  cifarResnet,
  wideResnet,
  vgg,
  resnet,
  mobileNetV2,
  shuffleNetV1,
  shuffleNetV2,
  efficientNetLite,
} as unknown as Readonly<Record<string, (options: Options) => Network>>;

/** Networks for pictures of CIFAR, counted for 10 classes at 32 × 32. */
const small: readonly (readonly [string, Options])[] = [
  ['studentCnn', {}],
  ['tutorialCnn', {}],
  ['resnet9', { width: 0.25 }],
  ['resnet9', {}],
  ['cifarResnet', { depth: 8 }],
  ['cifarResnet', { depth: 20 }],
  ['cifarResnet', { depth: 32 }],
  ['cifarResnet', { depth: 56 }],
  ['cifarResnet', { depth: 110 }],
  ['cifarResnet', { depth: '8x4' }],
  ['cifarResnet', { depth: '32x4' }],
  ['wideResnet', { depth: 16, width: 1 }],
  ['wideResnet', { depth: 16, width: 2 }],
  ['wideResnet', { depth: 40, width: 1 }],
  ['wideResnet', { depth: 40, width: 2 }],
  ['vgg', { depth: 8 }],
  ['vgg', { depth: 13 }],
  ['vgg', { depth: 16 }],
  ['vgg', { depth: 19 }],
  ['resnet', { depth: 18, stem: 'cifar' }],
  ['resnet', { depth: 50, stem: 'cifar' }],
  ['mobileNetV2', { stem: 'cifar', width: 0.5 }],
  ['shuffleNetV1', {}],
  ['shuffleNetV2', { stem: 'cifar' }],
];

/** Networks of ImageNet, counted for its 1000 classes at the size that they resize to. */
const large: readonly (readonly [string, Options])[] = [
  ['resnet', { depth: 18, stem: 'imagenet' }],
  ['resnet', { depth: 34, stem: 'imagenet' }],
  ['resnet', { depth: 50, stem: 'imagenet' }],
  ['resnet', { depth: 101, stem: 'imagenet' }],
  ['resnet', { depth: 152, stem: 'imagenet' }],
  ['mobileNetV2', { stem: 'imagenet' }],
  ['shuffleNetV2', { stem: 'imagenet' }],
  ['efficientNetLite', { version: 0 }],
  ['efficientNetLite', { version: 1 }],
  ['efficientNetLite', { version: 2 }],
];

const readme = new URL('../README.md', import.meta.url);

onEveryEngine((engine) => {
  // What is counted depends on no engine, and the others take minutes.
  test.skipIf(engine !== 'tensorflow')(
    "the README's table of networks is what they count: KD_WRITE_README=1 writes it",
    () => {
      const text = readFileSync(readme, 'utf8');
      const table = [
        ...heading,
        ...small.map((entry) => row(...entry, 10)),
        ...large.map((entry) => row(...entry, 1000)),
      ].join('\n');
      const [before, after] = [
        text.split('<!-- networks -->\n')[0],
        text.split('\n<!-- /networks -->')[1],
      ];
      const whole = `${before}<!-- networks -->\n${table}\n<!-- /networks -->${after}`;
      if (process.env.KD_WRITE_README === '1') writeFileSync(readme, whole);
      else expect(text).toBe(whole);
    },
    180_000,
  );
});

const heading = [
  '| | classes | images | parameters | multiply-adds | taps: channels / stride |',
  '|---|---:|---:|---:|---:|---|',
];

function row(family: string, options: Options, classes: number): string {
  const network = families[family]?.({ ...options, classes, seed: 0 }) as Network;
  const side = Number(/centre\((\d+)\)/.exec(network.preprocessing ?? '')?.[1] ?? 32);
  const { parameters, macs: multiplyAdds } = profile(network, [side, side, 3]);
  const taps = Object.entries(network.featureInfo ?? {}).map(
    ([tap, { channels, stride }]) => `${tap} ${channels}${stride === 0 ? '' : ` / ${stride}`}`,
  );
  network.dispose();
  const cells = [
    callOf(family, options),
    `${classes}`,
    `${side} × ${side}`,
    parameters.toLocaleString('en-US'),
    millions(multiplyAdds),
    taps.join(', '),
  ];
  return `| ${cells.join(' | ')} |`;
}

function callOf(family: string, options: Options): string {
  const own = Object.entries(options).map(
    ([name, value]) => `${name}: ${typeof value === 'string' ? `'${value}'` : value}`,
  );
  return `\`${family}(${own.length === 0 ? '' : `{ ${own.join(', ')} }`})\``;
}

function millions(count: number): string {
  return `${(count / 1e6).toLocaleString('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 })} M`;
}
