// @isolated: it replaces a module.

import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Network } from '@kd/core';
import { onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test, vi } from 'vitest';
import {
  type CifarResnetDepth,
  cifarResnet,
  efficientNetLite,
  loadWeights,
  mobileNetV2,
  profile,
  type ResnetDepth,
  resnet,
  resnet9,
  shuffleNetV1,
  shuffleNetV2,
  studentCnn,
  tutorialCnn,
  type VggDepth,
  vgg,
  type WideResnetDepth,
  wideResnet,
} from '../src/index.ts';
import { networkNamed, published } from './mobileFixture.ts';
import { entry, inMemory } from './weights/inMemory.ts';

// The tests of this file need no initial values, and those of sixty million weights take their time.
vi.mock('../src/layers/initializers.ts', async (original) => {
  const initializers = await original<typeof import('../src/layers/initializers.ts')>();
  return {
    ...initializers,
    initializedVariable: (_: string, shape: number[]) =>
      initializers.ownedVariable(tf.zeros(shape), true),
  };
});

type Sizes = Readonly<
  Record<string, { readonly parameters: number; readonly multiplyAdds: number }>
>;

/** RepDistiller's networks for 100 classes at 32 × 32; made by test/torch/families.py. */
const { sizes } = JSON.parse(
  readFileSync(new URL('./fixtures/families.json', import.meta.url), 'utf8'),
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
const createFamily: Readonly<Record<string, (variant: string) => Network>> = {
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

const mobileRows = Object.entries(published).map(([title, expected]) => ({ title, ...expected }));

/** Title → name → shape, in the order of state_dict(): written by test/torch/names.py. */
const torchShapes = JSON.parse(
  gunzipSync(readFileSync(new URL('./fixtures/torchNames.json.gz', import.meta.url))).toString(),
) as Readonly<Record<string, Readonly<Record<string, number[]>>>>;

const imagenet = (depth: 18 | 50) => () =>
  resnet({ depth, stem: 'imagenet', classes: 1000, seed: 0 });
const cifar = (depth: 18 | 50, classes: number) => () =>
  resnet({ depth, stem: 'cifar', classes, seed: 0 });
const smallCifar = (classes: number, shortcut: 'identity' | 'projection') => () =>
  cifarResnet({ depth: 20, classes, seed: 0, shortcut });

const keyMapRows: readonly [title: string, keyMap: string, make: () => Network][] = [
  ['torchvision resnet18', 'torchvision', imagenet(18)],
  ['torchvision resnet50', 'torchvision', imagenet(50)],
  ['huggingFace resnet-18', 'huggingFace', imagenet(18)],
  ['huggingFace resnet-50', 'huggingFace', imagenet(50)],
  ['kuangliu resnet18', 'kuangliu', cifar(18, 10)],
  ['kuangliu resnet50', 'kuangliu', cifar(50, 10)],
  ['weiaicunzai resnet18', 'weiaicunzai', cifar(18, 100)],
  ['weiaicunzai resnet50', 'weiaicunzai', cifar(50, 100)],
  ['akamaster resnet20', 'akamaster', smallCifar(10, 'identity')],
  ['akamaster resnet20 option B', 'akamaster', smallCifar(10, 'projection')],
  ['repDistiller resnet20', 'repDistiller', smallCifar(100, 'projection')],
  ['chenyaofo cifar100_resnet20', 'repDistiller', smallCifar(100, 'projection')],
];

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

/** Networks for images of CIFAR, counted for 10 classes at 32 × 32. */
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
  // Sizes, costs and names depend on no engine, and the others take minutes.
  if (engine !== 'tensorflow') {
    test('sizes are counted on TensorFlow alone', ({ skip }) => skip());
    return;
  }

  test.each(Object.entries(sizes))(
    "%s weighs and costs what RepDistiller's does",
    (title, published) => {
      const [family, variant] = title.split(' ') as [string, string];
      const network = createFamily[family]?.(variant) as Network;
      const { parameters, macs } = profile(network, [32, 32, 3]);
      expect({ parameters, multiplyAdds: macs }).toEqual(published);
      network.dispose();
    },
  );

  test.each(Object.entries(torchvision))(
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

  test('with the stem for CIFAR, ResNet-18 has 11.17 M parameters and 0.56 G multiply-adds at 32', () => {
    const network = resnet({ depth: 18, stem: 'cifar', classes: 10, seed: 0 });
    expect(profile(network, [32, 32, 3])).toMatchObject({
      parameters: 11_173_962,
      macs: 555_422_720,
    });
    network.dispose();
  });

  test.each(mobileRows)(
    '$title: weighs and costs as much, and every tensor has its weight',
    ({ title, side, shapes, parameters, multiplyAdds }) => {
      const network = networkNamed(title, {
        classes: title.includes('cifar') ? 100 : 1000,
        seed: 0,
      });
      expect(profile(network, [side, side, 3])).toMatchObject({ parameters, macs: multiplyAdds });
      const entries = Object.entries(shapes).map(
        ([name, shape], position) => [name, entry(shape, () => position)] as const,
      );
      const report = loadWeights(network, inMemory(Object.fromEntries(entries)));
      expect(report).toMatchObject({
        keyMap: title.split(' ')[0],
        prefix: '',
        unchanged: [],
        ignored: [],
      });
      const positions = Object.values(network.weights).map(
        (weight) => weight.dataSync()[0] as number,
      );
      expect(positions).toEqual([...positions.keys()]);
      network.dispose();
    },
  );

  test.each(keyMapRows)(
    '%s: every tensor of the published module has its weight, and every weight its tensor',
    (title, keyMap, make) => {
      const network = make();
      const shapes = Object.entries(torchShapes[title] ?? {});
      const entries = Object.fromEntries(
        shapes.map(([name, shape], position) => [
          name,
          {
            dtype: 'F32',
            shape,
            read: () => new Float32Array(sizeOf(shape)).fill(position),
          } as const,
        ]),
      );
      const report = loadWeights(network, inMemory(entries));
      expect(report).toMatchObject({ keyMap, prefix: '', unchanged: [], ignored: [] });
      expect(report.loaded).toHaveLength(shapes.length);
      // Their blocks begin with the body, as ours do; those of Hugging Face begin with the shortcut.
      const positions = Object.values(network.weights).map(firstOf);
      if (keyMap !== 'huggingFace') expect(positions).toEqual([...positions.keys()]);
      network.dispose();
    },
    60_000,
  );

  test("the README's table of networks is what they count: KD_WRITE_README=1 writes it", () => {
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
  }, 180_000);
});

// Millions of parameters and of multiply-adds, from the TensorFlow blog, 2020, and torchvision's table
// of its weights.
test.each([
  { title: 'lukemelas efficientNetLite 0', parameters: 4.7, multiplyAdds: 407 },
  { title: 'lukemelas efficientNetLite 1', parameters: 5.4, multiplyAdds: 631 },
  { title: 'lukemelas efficientNetLite 2', parameters: 6.1, multiplyAdds: 899 },
])(
  '$title is the published network; its multiply-adds count some four to six percent for other layers too',
  (row) => {
    const own = published[row.title] as (typeof published)[string];
    expect(Number((own.parameters / 1e6).toFixed(1))).toBe(row.parameters);
    expect(own.multiplyAdds / 1e6 / row.multiplyAdds).toBeGreaterThan(0.94);
    expect(own.multiplyAdds / 1e6 / row.multiplyAdds).toBeLessThan(0.96);
  },
);

test.each([
  { title: 'torchvision mobileNetV2 imagenet 1', giga: 0.301 },
  { title: 'torchvision shuffleNetV2 imagenet 0.5', giga: 0.04 },
  { title: 'torchvision shuffleNetV2 imagenet 1', giga: 0.145 },
  { title: 'torchvision shuffleNetV2 imagenet 1.5', giga: 0.296 },
  { title: 'torchvision shuffleNetV2 imagenet 2', giga: 0.583 },
])('$title costs the $giga G of its table', ({ title, giga }) => {
  expect(Number(((published[title]?.multiplyAdds ?? 0) / 1e9).toFixed(3))).toBe(giga);
});

test.each(['resnet18', 'resnet50'])("timm's %s has the names of torchvision", (name) => {
  expect(torchShapes[`timm ${name}`]).toEqual(torchShapes[`torchvision ${name}`]);
});

function firstOf(weight: tf.Tensor): number {
  return weight.dataSync()[0] as number;
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

const heading = [
  '| | classes | images | parameters | multiply-adds | taps: channels / stride |',
  '|---|---:|---:|---:|---:|---|',
];

function row(family: string, options: Options, classes: number): string {
  const network = families[family]?.({ ...options, classes, seed: 0 }) as Network;
  const side = Number(/centerCrop\((\d+)\)/.exec(network.preprocessing ?? '')?.[1] ?? 32);
  const { parameters, macs } = profile(network, [side, side, 3]);
  const taps = Object.entries(network.featureInfo ?? {}).map(
    ([tap, { channels, stride }]) => `${tap} ${channels}${stride === 0 ? '' : ` / ${stride}`}`,
  );
  network.dispose();
  const cells = [
    callOf(family, options),
    `${classes}`,
    `${side} × ${side}`,
    parameters.toLocaleString('en-US'),
    millions(macs),
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
