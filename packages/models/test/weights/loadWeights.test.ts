import type { Network } from '@kd/core';
import { decodeSafetensors, torchLayout } from '@kd/files';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import {
  batchNorm,
  cifarResnet,
  convolution,
  createNetwork,
  dense,
  globalAveragePool,
  loadWeights,
  saveWeights,
  sequential,
  studentCnn,
  type TensorEntry,
  tutorialCnn,
} from '../../src/index.ts';
import { entry, inMemory } from './inMemory.ts';

const norm = (base: number) => ({
  weight: entry([2], [base, base + 1]),
  bias: entry([2], [base + 2, base + 3]),
  running_mean: entry([2], [base + 4, base + 5]),
  running_var: entry([2], [base + 6, base + 7]),
  num_batches_tracked: entry([], [100], 'I64'),
});

/** A file with the names of `torch.nn`, in which every tensor has other values. */
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
    keyMaps: {
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

/** The values of `file` in our order of axes. */
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
    'with the prefix "%s" every value is loaded into its variable, which keeps its identity',
    async (prefix) => {
      await expectNoNewTensors(() => {
        const network = small();
        const before = { ...network.weights };
        const report = loadWeights(network, inMemory(file(prefix)));
        expect(valuesOf(network)).toEqual(loaded);
        expect(network.weights).toEqual(before);
        expect(report).toEqual({
          keyMap: 'published',
          prefix,
          loaded: Object.keys(loaded),
          unchanged: [],
          ignored: [`${prefix}features.1.num_batches_tracked`],
        });
        network.dispose();
      });
    },
  );

  test('the inference network follows', () => {
    const network = small();
    const images = tf.fill([1, 2, 2, 3], 0.5) as tf.Tensor4D;
    network.inference?.();
    loadWeights(network, inMemory(file()));
    const fused = network.inference?.();
    fused?.refresh();
    expectClose(
      fused?.forward(images).logits.dataSync() as Float32Array,
      network.forward(images, { training: false }).logits.dataSync(),
      1e-3,
    );
    network.dispose();
  });
});

test('a skipped head keeps its initial values; the file may have another, or none', () => {
  const { 'classifier.weight': _, 'classifier.bias': __, ...headless } = file();
  for (const entries of [
    file('', 1000),
    headless,
    { ...headless, 'classifier.1.weight': entry([7, 2], (n) => n) },
  ]) {
    const network = small(5);
    const { 'fc.kernel': kernel, 'fc.bias': bias } = valuesOf(network);
    const report = loadWeights(network, inMemory(entries), { head: 'skip' });
    expect(valuesOf(network)).toEqual({ ...loaded, 'fc.kernel': kernel, 'fc.bias': bias });
    expect(report.unchanged).toEqual(['fc.kernel', 'fc.bias']);
    network.dispose();
  }
});

test('our own files, those with our names in PyTorch, those of an nn.Sequential, and those with custom names', () => {
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
  for (const [expected, entries] of [
    ['own', own],
    ['own names in PyTorch', renamed(kept)],
    ['by position', Object.fromEntries(Object.entries(renamed(numbered)).reverse())],
    ['custom', renamed((name) => `my_${name}`)],
  ] as const) {
    const network = small();
    const custom = { keyMap: (layer: string) => `my_${network.keyMaps?.published?.(layer)}` };
    expect(
      loadWeights(network, inMemory(entries), expected === 'custom' ? custom : {}).keyMap,
    ).toBe(expected);
    expect(valuesOf(network)).toEqual(loaded);
    network.dispose();
  }
});

test('mismatches are listed by name, with both shapes, and nothing has changed', () => {
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
      'is it a file of this architecture? keyMap: (layer) => … maps other names.',
  );
  expect(refused(file('', 1000))).toBe(
    'loadWeights: expected the 7 weights of small in memory.pth (names: published), got 2 of another shape or type: classifier.weight [1000, 2] for [3, 2], ' +
      "classifier.bias [1000] for [3]; head: 'skip' keeps the network's own head, for other classes.",
  );
  const strangers = Object.fromEntries(
    Array.from({ length: 12 }, (_, at) => [`layer${at}.w`, entry([1], [0])]),
  );
  expect(refused(strangers)).toContain(
    '12 unexpected: layer0.w, layer1.w, layer2.w, layer3.w, layer4.w, layer5.w, layer6.w, layer7.w, layer8.w, layer9.w, …;',
  );
  expect(refused(strangers, { missing: 'ignore', unexpected: 'ignore' })).toContain(
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
  // 'kept', 'new', 'left', 'refused' and 'ignored' were options of an earlier version.
  for (const [options, message] of [
    [{ head: 'new' as 'skip' }, 'head load or skip, got new.'],
    [{ missing: 'left' as 'ignore' }, 'missing error or ignore, got left.'],
    [{ unexpected: 'ignored' as 'ignore' }, 'unexpected error or ignore, got ignored.'],
  ] as const)
    expect(() => loadWeights(network, inMemory(file()), options)).toThrow(
      `loadWeights: expected ${message}`,
    );
  network.dispose();
});

test('missing and unexpected tensors may be ignored, and the report lists them', () => {
  const network = small();
  const first = valuesOf(network);
  const { 'features.0.weight': _, ...rest } = file();
  const entries = { ...rest, extra: entry([1], [0]) };
  expect(() => loadWeights(network, inMemory(entries), { missing: 'ignore' })).toThrow(
    '1 missing: features.0.weight; 1 unexpected: extra',
  );
  expect(() => loadWeights(network, inMemory(entries), { unexpected: 'ignore' })).toThrow(
    '1 missing: features.0.weight; 1 unexpected: extra',
  );
  const report = loadWeights(network, inMemory(entries), {
    missing: 'ignore',
    unexpected: 'ignore',
  });
  expect(report).toMatchObject({
    unchanged: ['stem.conv.kernel'],
    ignored: ['features.1.num_batches_tracked', 'extra'],
  });
  expect(valuesOf(network)).toEqual({ ...loaded, 'stem.conv.kernel': first['stem.conv.kernel'] });
  network.dispose();
});

function shapeOf(name: string): number[] {
  if (name === 'stem.conv.kernel') return [1, 1, 3, 2];
  return name === 'fc.kernel' ? [2, 3] : [loaded[name as keyof typeof loaded].length];
}

onEveryEngine(() => {
  test.each([
    ['tutorialCnn', 'tutorial', (seed: number) => tutorialCnn({ classes: 10, seed })],
    [
      'cifarResnet',
      'repDistiller',
      (seed: number) => cifarResnet({ depth: 8, classes: 10, seed, shortcut: 'projection' }),
    ],
    [
      'studentCnn, which has no key maps',
      'own names in PyTorch',
      (seed: number) => studentCnn({ classes: 10, seed }),
    ],
  ] as const)('%s: saved weights are loaded again, to the last bit', async (_, keyMap, make) => {
    const [saved, other] = [make(1), make(2)];
    const report = loadWeights(other, await saveWeights(saved));
    expect(report).toMatchObject({ keyMap, prefix: '', unchanged: [] });
    expect(valuesOf(other)).toEqual(valuesOf(saved));
    saved.dispose();
    other.dispose();
  });
});

test("names, shapes and counters are those of PyTorch's state_dict", async () => {
  const network = cifarResnet({
    depth: 8,
    classes: 10,
    seed: 0,
    shortcut: 'projection',
    width: 0.5,
  });
  const { tensors, metadata } = decodeSafetensors(await saveWeights(network), 'ours');
  expect(metadata).toEqual({
    format: 'pt',
    network: 'ResNet-8 w0.5 projection',
    preprocessing: network.preprocessing,
  });
  const described = Object.fromEntries(
    Object.entries(tensors).map(([name, { dtype, shape }]) => [name, `${dtype} [${shape}]`]),
  );
  expect(described).toMatchObject({
    'conv1.weight': 'F32 [8,3,3,3]',
    'bn1.weight': 'F32 [8]',
    'bn1.bias': 'F32 [8]',
    'bn1.running_mean': 'F32 [8]',
    'bn1.running_var': 'F32 [8]',
    'bn1.num_batches_tracked': 'I64 []',
    'layer2.0.downsample.0.weight': 'F32 [16,8,1,1]',
    'layer2.0.downsample.1.running_var': 'F32 [16]',
    'fc.weight': 'F32 [10,32]',
    'fc.bias': 'F32 [10]',
  });
  const norms = Object.keys(network.weights).filter((name) => name.endsWith('.variance')).length;
  expect(Object.keys(tensors)).toHaveLength(Object.keys(network.weights).length + norms);
  expect(tensors['bn1.num_batches_tracked']?.data).toEqual(new BigInt64Array([0n]));
  const { tensors: others } = decodeSafetensors(
    await saveWeights(network, {
      keyMap: network.keyMaps?.akamaster as (layer: string) => string,
    }),
    'ours',
  );
  expect(Object.keys(others)).toContain('layer2.0.shortcut.0.weight');
  network.dispose();
});

test('saved weights that are not finite, and names that clash, are refused', async () => {
  const network = studentCnn({ classes: 10, seed: 0 });
  await expect(saveWeights(network, { keyMap: () => 'same' })).rejects.toThrow(
    'saveWeights: expected another name for every weight, got same.weight twice; check keyMap.',
  );
  const bias = network.weights['fc.bias'] as tf.Variable;
  tf.tidy(() => bias.assign(tf.fill([10], Number.POSITIVE_INFINITY)));
  await expect(saveWeights(network)).rejects.toThrow(
    'saveWeights: expected finite numbers in fc.bias, got Infinity; weights that have diverged are of no use.',
  );
  network.dispose();
});

const counted = (length: number) => Float32Array.from({ length }, (_, n) => n);

test('kernels of convolutions are OIHW in PyTorch, and every value is moved to its position', () => {
  const { layer, part, shape, fromTorch, toTorch } = torchLayout(
    'stage1.conv.kernel',
    [2, 3, 4, 5],
  );
  expect({ layer, part, shape }).toEqual({
    layer: 'stage1.conv',
    part: 'weight',
    shape: [5, 4, 2, 3],
  });
  const ours = fromTorch(counted(120));
  for (let o = 0; o < 5; o++) {
    for (let i = 0; i < 4; i++) {
      for (let y = 0; y < 2; y++)
        for (let x = 0; x < 3; x++)
          expect(ours[((y * 3 + x) * 4 + i) * 5 + o]).toBe(((o * 4 + i) * 2 + y) * 3 + x);
    }
  }
  expect(toTorch(ours)).toEqual(counted(120));
});

test('dense kernels are [out, in] there', () => {
  const { part, shape, fromTorch, toTorch } = torchLayout('fc.kernel', [3, 2]);
  expect({ part, shape }).toEqual({ part: 'weight', shape: [2, 3] });
  expect(Array.from(fromTorch(counted(6)))).toEqual([0, 3, 1, 4, 2, 5]);
  expect(toTorch(fromTorch(counted(6)))).toEqual(counted(6));
});

test('depthwise kernels are [channels · times, 1, height, width] there', () => {
  const { part, shape, fromTorch, toTorch } = torchLayout('depth.depthwiseKernel', [2, 2, 3, 2]);
  expect({ part, shape }).toEqual({ part: 'weight', shape: [6, 1, 2, 2] });
  const ours = fromTorch(counted(24));
  for (let channel = 0; channel < 3; channel++) {
    for (let time = 0; time < 2; time++) {
      for (let at = 0; at < 4; at++)
        expect(ours[(at * 3 + channel) * 2 + time]).toBe((channel * 2 + time) * 4 + at);
    }
  }
  expect(toTorch(ours)).toEqual(counted(24));
});

test.each([
  ['bn.scale', 'weight'],
  ['bn.offset', 'bias'],
  ['bn.mean', 'running_mean'],
  ['bn.variance', 'running_var'],
  ['fc.bias', 'bias'],
])('%s is %s there, and lies alike', (ours, theirs) => {
  const { part, shape, fromTorch } = torchLayout(ours, [4]);
  expect({ part, shape }).toEqual({ part: theirs, shape: [4] });
  expect(fromTorch(counted(4))).toEqual(counted(4));
});
