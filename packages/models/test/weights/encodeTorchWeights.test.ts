import type { Network } from '@kd/core';
import { decodeSafetensors } from '@kd/files';
import { onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import {
  cifarResnet,
  encodeTorchWeights,
  loadWeights,
  parseWeights,
  studentCnn,
  tutorialCnn,
} from '../../src/index.ts';

const valuesOf = (network: Network) =>
  Object.fromEntries(
    Object.entries(network.weights).map(([name, weight]) => [name, Array.from(weight.dataSync())]),
  );

onEveryEngine(() => {
  test.each([
    ['tutorialCnn', 'tutorial', (seed: number) => tutorialCnn({ classes: 10, seed })],
    [
      'cifarResnet',
      'repDistiller',
      (seed: number) => cifarResnet({ depth: 8, classes: 10, seed, shortcut: 'projection' }),
    ],
    [
      'studentCnn, which has no names but ours',
      'own names in PyTorch',
      (seed: number) => studentCnn({ classes: 10, seed }),
    ],
  ] as const)('%s: what is saved is loaded again, to the last bit', async (_, scheme, make) => {
    const [saved, other] = [make(1), make(2)];
    const report = loadWeights(
      other,
      parseWeights(await encodeTorchWeights(saved), 'ours.safetensors'),
    );
    expect(report).toMatchObject({ scheme, prefix: '', left: [] });
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
  const { tensors, metadata } = decodeSafetensors(await encodeTorchWeights(network), 'ours');
  expect(metadata).toEqual({
    format: 'pt',
    network: 'ResNet-8 w0.5 projection',
    preparation: network.preprocessing,
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
  const { keyMaps: names } = network;
  const { tensors: others } = decodeSafetensors(
    await encodeTorchWeights(network, { names: names?.akamaster as (layer: string) => string }),
    'ours',
  );
  expect(Object.keys(others)).toContain('layer2.0.shortcut.0.weight');
  network.dispose();
});

test('weights that are not finite, and names that clash, are refused', async () => {
  const network = studentCnn({ classes: 10, seed: 0 });
  await expect(encodeTorchWeights(network, { names: () => 'same' })).rejects.toThrow(
    'encodeTorchWeights: expected another name for every weight, got same.weight twice; look into names.',
  );
  const bias = network.weights['fc.bias'] as tf.Variable;
  tf.tidy(() => bias.assign(tf.fill([10], Number.POSITIVE_INFINITY)));
  await expect(encodeTorchWeights(network)).rejects.toThrow(
    'encodeTorchWeights: expected finite numbers in fc.bias, got Infinity; weights that have diverged are of no use.',
  );
  network.dispose();
});
