import { deriveSeed, fingerprint, type Network } from '@kd/core';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import {
  cifarResnet,
  convBnRelu,
  createNetwork,
  dense,
  globalAveragePool,
  imagenetNormalization,
  profile,
  resnet,
  resnet9,
  studentCnn,
  torchDefaultUniform,
  tutorialCnn,
  vgg,
  wideResnet,
} from '../src/index.ts';
import { initialValues } from './initialValues.ts';
import { testGradientStep } from './networkSuites.ts';

const variants: Record<string, (seed: number) => Network> = {
  tutorialCnn: (seed) => tutorialCnn({ classes: 10, seed }),
  studentCnn: (seed) => studentCnn({ classes: 10, seed }),
  'cifarResnet 8': (seed) => cifarResnet({ depth: 8, classes: 10, seed }),
  'cifarResnet 8 projection': (seed) =>
    cifarResnet({ depth: 8, classes: 10, seed, shortcut: 'projection', width: 0.5 }),
  'cifarResnet 8x4': (seed) => cifarResnet({ depth: '8x4', classes: 10, seed, width: 1 / 8 }),
  'wideResnet 16-0.5': (seed) => wideResnet({ depth: 16, classes: 10, seed, width: 0.5 }),
  'vgg 16': (seed) => vgg({ depth: 16, classes: 10, seed, width: 1 / 32 }),
  resnet9: (seed) => resnet9({ classes: 10, seed, width: 0.125 }),
};

onEveryEngine((engine) => {
  // Whole networks take long on the others: networks.slow.test.ts.
  if (engine === 'tensorflow') testGradientStep();

  test.each(Object.entries(variants))(
    '%s: taps are as described, nothing changes at training: false, no tensor is left',
    async (_, make) => {
      const images = testImages();
      await expectNoNewTensors(async () => {
        const network = make(1);
        const before = await fingerprint(network);
        const first = network.forward(images, { training: false });
        expect(first.logits.shape).toEqual([2, 10]);
        expect(Object.keys(first.features)).toEqual(Object.keys(network.featureInfo ?? {}));
        for (const [name, { channels, stride }] of Object.entries(network.featureInfo ?? {})) {
          expect(first.features[name]?.shape).toEqual(
            stride === 0 ? [2, channels] : [2, 8 / stride, 8 / stride, channels],
          );
        }
        for (let pass = 0; pass < 3; pass++) {
          const { logits, features } = network.forward(images, { training: false });
          tf.dispose([logits, features]);
        }
        const again = network.forward(images, { training: false });
        expect(Array.from(again.logits.dataSync())).toEqual(Array.from(first.logits.dataSync()));
        expect(await fingerprint(network)).toEqual(before);
        const trained = network.forward(images, { training: true });
        const follows = Object.keys(network.weights).some((name) => name.endsWith('.mean'));
        if (follows) expect((await fingerprint(network)).weights).not.toBe(before.weights);
        tf.dispose([
          first.logits,
          first.features,
          again.logits,
          again.features,
          trained.logits,
          trained.features,
        ]);
        network.dispose();
      });
      images.dispose();
    },
  );

  test('first weights are the same numbers on every engine', () => {
    const network = tutorialCnn({ classes: 10, seed: 7 });
    const kernel = (network.weights['fc2.kernel'] as tf.Variable).dataSync();
    expect(Array.from(kernel)).toEqual(
      Array.from(
        initialValues(
          torchDefaultUniform,
          { fanIn: 32, fanOut: 10 },
          deriveSeed(7, 'fc2.kernel', 0),
          320,
        ),
      ),
    );
    network.dispose();
  });
});

test.each(Object.entries(variants))(
  '%s: equal seeds are equal networks, other seeds are others, and both live side by side',
  async (_, make) => {
    const networks = [make(1), make(1), make(2)];
    const [one, same, other] = (await Promise.all(networks.map(fingerprint))).map(
      ({ weights }) => weights,
    );
    expect(same).toBe(one);
    expect(other).not.toBe(one);
    for (const network of networks) network.dispose();
  },
);

test.each([
  { depth: 8, parameters: 75_290 },
  { depth: 14, parameters: 172_506 },
  { depth: 20, parameters: 269_722 },
  { depth: 32, parameters: 464_154 },
  { depth: 44, parameters: 658_586 },
  { depth: 56, parameters: 853_018 },
  { depth: 110, parameters: 1_727_962 },
] as const)('ResNet-$depth has its published size', ({ depth, parameters }) => {
  const network = cifarResnet({ depth, classes: 10, seed: 0 });
  const trainable = Object.values(network.weights).filter((weight) => weight.trainable);
  expect(trainable.reduce((sum, weight) => sum + weight.size, 0)).toBe(parameters);
  network.dispose();
});

test('projections add their parameters: ResNet-8 grows from 75,290 to 78,042', () => {
  const network = cifarResnet({ depth: 8, classes: 10, seed: 0, shortcut: 'projection' });
  expect(profile(network, [32, 32, 3]).parameters).toBe(78_042);
  network.dispose();
});

test('width multiplies the channels', () => {
  const network = cifarResnet({ depth: 8, classes: 10, seed: 0, width: 0.5 });
  expect(network.featureInfo).toEqual({
    stage1: { channels: 8, stride: 1 },
    stage2: { channels: 16, stride: 2 },
    stage3: { channels: 32, stride: 4 },
    pooled: { channels: 32, stride: 0 },
  });
  network.dispose();
  const teacher = resnet9({ classes: 10, seed: 0, width: 0.25 });
  expect(profile(teacher, [32, 32, 3]).parameters).toBe(412_944);
  teacher.dispose();
});

test('images are normalized by the network, which describes how', () => {
  const layers = { pooled: globalAveragePool(), fc: dense({ from: 3, to: 2 }) };
  const [plain, normalized] = [{ mean: [0, 0, 0], std: [1, 1, 1] }, imagenetNormalization].map(
    (normalize) => createNetwork({ name: 'own', layers, seed: 0, prepare: { normalize } }),
  );
  const images = tf.fill([1, 4, 4, 3], 0.5) as tf.Tensor4D;
  const byHand = tf.tensor4d(
    [0.485, 0.456, 0.406].map((mean, at) => (0.5 - mean) / ([0.229, 0.224, 0.225][at] as number)),
    [1, 1, 1, 3],
  );
  const expected = (plain as Network).forward(byHand, { training: false }).logits.dataSync();
  expectClose(
    (normalized as Network).forward(images, { training: false }).logits.dataSync(),
    expected,
    1e-6,
  );
  expect(normalized?.preprocessing).toBe(
    'normalize(mean 0.485 0.456 0.406, std 0.229 0.224 0.225)',
  );
});

test('what cannot be built or fed is refused by name', () => {
  const network = studentCnn({ classes: 10, seed: 0 });
  expect(() => network.forward(tf.zeros([2, 32, 32, 1]), { training: false })).toThrow(
    'studentCnn 16-32-64: expected feature maps [batch, height, width, 3], got [2, 32, 32, 1].',
  );
  expect(() => network.forward(tf.zeros([2, 2, 2, 3]), { training: false })).toThrow(
    'pool2: expected maps of at least 2 × 2, got 1 × 1; pool less often or take larger images.',
  );
  expect(() => studentCnn({ classes: 1, seed: 0 })).toThrow(
    'studentCnn: expected classes as a whole number ≥ 2, got 1.',
  );
  expect(() => studentCnn({ classes: 10, seed: 0, widths: [] })).toThrow(
    'studentCnn: expected widths as whole numbers ≥ 1, got [].',
  );
  expect(() => studentCnn({ classes: 10, seed: -1 })).toThrow(
    'studentCnn 16-32-64: expected seed as a whole number ≥ 0, got -1.',
  );
  expect(() => cifarResnet({ depth: 21 as 20, classes: 10, seed: 0 })).toThrow(
    'cifarResnet: expected depth among 8, 14, 20, 32, 44, 56, 110, 8x4, 32x4, got 21.',
  );
  expect(() => resnet9({ width: 0, classes: 10, seed: 0 })).toThrow(
    'resnet9: expected width > 0, got 0; 1 is the published width.',
  );
  expect(() =>
    tutorialCnn({
      classes: 10,
      seed: 0,
      prepare: { normalize: { mean: [0, 0, 0], std: [1, 0, 1] } },
    }),
  ).toThrow('tutorialCnn: expected std > 0, got [1, 0, 1]; leave constant channels at 1.');
  expect(() =>
    createNetwork({ name: 'own', seed: 0, layers: { conv: convBnRelu(3, 4) }, taps: ['stem'] }),
  ).toThrow('own: expected taps among the layers conv, got stem.');
  const headless = createNetwork({ name: 'own', seed: 0, layers: { conv: convBnRelu(3, 4) } });
  expect(() => headless.forward(tf.zeros([1, 4, 4, 3]), { training: false })).toThrow(
    'own: expected logits [batch, classes] from the last layer, got [1, 4, 4, 4].',
  );
});

function testImages(): tf.Tensor4D {
  return tf.tensor4d(
    Float32Array.from(
      { length: 2 * 8 * 8 * 3 },
      (_, n) => 0.5 + 0.5 * Math.sin(0.37 * n + 1e-4 * n * n),
    ),
    [2, 8, 8, 3],
  );
}

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
    ...normWeights('stem.bn'),
    'stage1.block0.conv1.kernel',
    ...normWeights('stage1.block0.bn1'),
    'stage1.block0.conv2.kernel',
    ...normWeights('stage1.block0.bn2'),
    'stage1.block0.conv3.kernel',
  ]);
  expect(Object.keys(network.weights).slice(20, 25)).toEqual([
    'stage1.block0.shortcut.conv.kernel',
    ...normWeights('stage1.block0.shortcut.bn'),
  ]);
  network.dispose();
});

function normWeights(norm: string): string[] {
  return ['scale', 'offset', 'mean', 'variance'].map((part) => `${norm}.${part}`);
}

test('without an engine the error names how to start one', () => {
  const current = tf.engine();
  const { registryFactory } = current;
  current.registryFactory = {};
  try {
    expect(() => studentCnn({ classes: 10, seed: 0 })).toThrow(
      'studentCnn 16-32-64: expected a started engine, got none; await startEngine() of @kd/engine first.',
    );
  } finally {
    current.registryFactory = registryFactory;
  }
});
