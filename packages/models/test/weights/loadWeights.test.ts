import type { Network } from '@kd/core';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import {
  batchNorm,
  convolution,
  createNetwork,
  dense,
  globalAveragePool,
  loadWeights,
  sequential,
  type TensorEntry,
} from '../../src/index.ts';
import { entry, inMemory } from './inMemory.ts';

const norm = (base: number) => ({
  weight: entry([2], [base, base + 1]),
  bias: entry([2], [base + 2, base + 3]),
  running_mean: entry([2], [base + 4, base + 5]),
  running_var: entry([2], [base + 6, base + 7]),
  num_batches_tracked: entry([], [100], 'I64'),
});

/** As `torch.nn` names it, and each name with the numbers of its place. */
function file(prefix = '', classes = 3): Record<string, TensorEntry> {
  const entries = {
    'features.0.weight': entry([2, 3, 1, 1], (n) => n),
    ...Object.fromEntries(
      Object.entries(norm(10)).map(([part, value]) => [`features.1.${part}`, value]),
    ),
    'classifier.weight': entry([classes, 2], (n) => 20 + n),
    'classifier.bias': entry([classes], (n) => 30 + n),
  };
  return Object.fromEntries(Object.entries(entries).map(([name, value]) => [prefix + name, value]));
}

function small(classes = 3): Network {
  return createNetwork({
    name: 'small',
    seed: 1,
    layers: {
      stem: sequential({
        conv: convolution({ from: 3, to: 2, size: 1 }),
        bn: batchNorm({ channels: 2 }),
      }),
      pooled: globalAveragePool(),
      fc: dense({ from: 2, to: classes }),
    },
    names: {
      elsewhere: (layer) => `another.${layer}`,
      published: (layer) =>
        ({ 'stem.conv': 'features.0', 'stem.bn': 'features.1', fc: 'classifier' })[layer] ?? layer,
    },
  });
}

const valuesOf = (network: Network) =>
  Object.fromEntries(
    Object.entries(network.weights).map(([name, weight]) => [name, Array.from(weight.dataSync())]),
  );

/** What `file` means, in our order of axes. */
const loaded = {
  'stem.conv.kernel': [0, 3, 1, 4, 2, 5],
  'stem.bn.scale': [10, 11],
  'stem.bn.offset': [12, 13],
  'stem.bn.mean': [14, 15],
  'stem.bn.variance': [16, 17],
  'fc.kernel': [20, 22, 24, 21, 23, 25],
  'fc.bias': [30, 31, 32],
};

onEveryEngine(() => {
  test.each(['', 'module.', 'model.net.'])(
    'with the prefix "%s" every number comes to its place, in the variables that were there',
    async (prefix) => {
      await expectNoNewTensors(() => {
        const network = small();
        const before = { ...network.weights };
        const report = loadWeights(network, inMemory(file(prefix)));
        expect(valuesOf(network)).toEqual(loaded);
        expect(network.weights).toEqual(before);
        expect(report).toEqual({
          scheme: 'published',
          prefix,
          loaded: Object.keys(loaded),
          left: [],
          ignored: [`${prefix}features.1.num_batches_tracked`],
        });
        network.dispose();
      });
    },
  );

  test('a folded network follows', () => {
    const network = small();
    const images = tf.fill([1, 2, 2, 3], 0.5) as tf.Tensor4D;
    network.inference?.();
    loadWeights(network, inMemory(file()));
    const folded = network.inference?.();
    folded?.refresh();
    expectClose(
      folded?.forward(images).logits.dataSync() as Float32Array,
      network.forward(images, { training: false }).logits.dataSync(),
      1e-3,
    );
    network.dispose();
  });
});

test('a new head keeps its first values; the file may have another, or none', () => {
  const { 'classifier.weight': _, 'classifier.bias': __, ...headless } = file();
  for (const entries of [
    file('', 1000),
    headless,
    { ...headless, 'classifier.1.weight': entry([7, 2], (n) => n) },
  ]) {
    const network = small(5);
    const { 'fc.kernel': kernel, 'fc.bias': bias } = valuesOf(network);
    const report = loadWeights(network, inMemory(entries), { head: 'new' });
    expect(valuesOf(network)).toEqual({ ...loaded, 'fc.kernel': kernel, 'fc.bias': bias });
    expect(report.left).toEqual(['fc.kernel', 'fc.bias']);
    network.dispose();
  }
});

test('our own files, those with our names in PyTorch, those of an nn.Sequential, and names that are told', () => {
  const own = Object.fromEntries(
    Object.entries(loaded).map(([name, values]) => [name, entry(shapeOf(name), values)]),
  );
  const renamed = (rename: (name: string) => string) =>
    Object.fromEntries(Object.entries(file()).map(([name, value]) => [rename(name), value]));
  const kept = (name: string) =>
    name
      .replace('features.0', 'stem.conv')
      .replace('features.1', 'stem.bn')
      .replace('classifier', 'fc');
  const numbered = (name: string) =>
    name
      .replace('features.0', 'net.0')
      .replace('features.1', 'net.2')
      .replace('classifier', 'net.10');
  for (const [scheme, entries] of [
    ['own', own],
    ['own names in PyTorch', renamed(kept)],
    ['in order', Object.fromEntries(Object.entries(renamed(numbered)).reverse())],
    ['given', renamed((name) => `my_${name}`)],
  ] as const) {
    const network = small();
    const names = { names: (layer: string) => `my_${network.keyMaps?.published?.(layer)}` };
    expect(loadWeights(network, inMemory(entries), scheme === 'given' ? names : {}).scheme).toBe(
      scheme,
    );
    expect(valuesOf(network)).toEqual(loaded);
    network.dispose();
  }
});

test('what does not fit is listed by name, both shapes too, and nothing has changed', () => {
  const network = small();
  const before = valuesOf(network);
  const refused = (entries: Record<string, TensorEntry>, options = {}) => {
    try {
      loadWeights(network, inMemory(entries), options);
    } catch (error) {
      return (error as Error).message;
    }
    throw new Error('it was not refused');
  };
  const { 'features.0.weight': _, ...rest } = file();
  expect(
    refused({
      ...rest,
      extra: entry([1], [0]),
      'features.1.bias': entry([3], [0, 0, 0]),
      'classifier.bias': entry([3], [1, 2, 3], 'I8'),
    }),
  ).toBe(
    'loadWeights: expected the 7 weights of small in memory.pth (names: published), got 1 missing: features.0.weight; 1 unexpected: extra; ' +
      '2 of another shape or type: features.1.bias [3] for [2], classifier.bias in I8 for floating-point numbers; ' +
      'is it a file of this architecture? names: (layer) => … tells other names.',
  );
  expect(refused(file('', 1000))).toBe(
    'loadWeights: expected the 7 weights of small in memory.pth (names: published), got 2 of another shape or type: classifier.weight [1000, 2] for [3, 2], ' +
      "classifier.bias [1000] for [3]; head: 'new' leaves the head as it is, for other classes.",
  );
  const strangers = Object.fromEntries(
    Array.from({ length: 12 }, (_, at) => [`layer${at}.w`, entry([1], [0])]),
  );
  expect(refused(strangers)).toContain(
    '12 unexpected: layer0.w, layer1.w, layer2.w, layer3.w, layer4.w, layer5.w, layer6.w, layer7.w, layer8.w, layer9.w, …;',
  );
  expect(refused(strangers, { missing: 'left', unexpected: 'ignored' })).toContain(
    '7 missing: stem.conv.kernel',
  );
  expect(valuesOf(network)).toEqual(before);
  expect(() =>
    loadWeights(
      network,
      inMemory({ ...file(), 'features.0.weight': entry([2, 3, 1, 1], () => Number.NaN) }),
    ),
  ).toThrow(
    'memory.pth: expected finite numbers in features.0.weight, got NaN; the file is damaged, or its training diverged.',
  );
  expect(() => loadWeights(network, inMemory(file()), { head: 'other' as 'new' })).toThrow(
    'loadWeights: expected head kept or new, got other.',
  );
  network.dispose();
});

test('what is missing may be left and what is unexpected ignored, and the report says which', () => {
  const network = small();
  const first = valuesOf(network);
  const { 'features.0.weight': _, ...rest } = file();
  const entries = { ...rest, extra: entry([1], [0]) };
  expect(() => loadWeights(network, inMemory(entries), { missing: 'left' })).toThrow(
    '1 missing: features.0.weight; 1 unexpected: extra',
  );
  expect(() => loadWeights(network, inMemory(entries), { unexpected: 'ignored' })).toThrow(
    '1 missing: features.0.weight; 1 unexpected: extra',
  );
  const report = loadWeights(network, inMemory(entries), {
    missing: 'left',
    unexpected: 'ignored',
  });
  expect(report).toMatchObject({
    left: ['stem.conv.kernel'],
    ignored: ['features.1.num_batches_tracked', 'extra'],
  });
  expect(valuesOf(network)).toEqual({ ...loaded, 'stem.conv.kernel': first['stem.conv.kernel'] });
  network.dispose();
});

function shapeOf(name: string): number[] {
  if (name === 'stem.conv.kernel') return [1, 1, 3, 2];
  return name === 'fc.kernel' ? [2, 3] : [loaded[name as keyof typeof loaded].length];
}
