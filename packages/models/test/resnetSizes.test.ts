import { onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test, vi } from 'vitest';
import { countOperations, type ResnetDepth, resnet } from '../src/index.ts';
import { countTrainable } from '../src/layers/layer.ts';

// Sizes need no first values, and sixty million of them take their time.
vi.mock('../src/layers/initial.ts', async (original) => ({
  ...(await original<typeof import('../src/layers/initial.ts')>()),
  drawnVariable: (_: string, shape: number[]) => tf.variable(tf.zeros(shape)),
}));

/** As torchvision publishes them. */
const parameters: Readonly<Record<ResnetDepth, number>> = { 18: 11_689_512, 34: 21_797_672, 50: 25_557_032, 101: 44_549_160, 152: 60_192_808 };

onEveryEngine((engine) => {
  test.each(Object.entries(parameters))('ResNet-%s has the size of torchvision', (depth, expected) => {
    const network = resnet({ depth: Number(depth) as ResnetDepth, stem: 'imagenet', classes: 1000, seed: 0 });
    expect(countTrainable(network.weights)).toBe(expected);
    network.dispose();
  });

  // The cpu engine takes minutes for such images.
  test.skipIf(engine === 'cpu')('multiply-adds: 4.09 G of ResNet-50 at 224, 0.56 G of ResNet-18 with the stem for CIFAR at 32', () => {
    const large = resnet({ depth: 50, stem: 'imagenet', classes: 1000, seed: 0 });
    expect(countOperations(large, [224, 224, 3])).toMatchObject({ parameters: 25_557_032, multiplyAdds: 4_089_184_256 });
    large.dispose();
    const small = resnet({ depth: 18, stem: 'cifar', classes: 10, seed: 0 });
    expect(countOperations(small, [32, 32, 3])).toMatchObject({ parameters: 11_173_962, multiplyAdds: 555_422_720 });
    small.dispose();
  });
});

test("weights lie in the order of torchvision's state_dict, and their names are its names by a few rules", () => {
  const network = resnet({ depth: { block: 'bottleneck', blocks: [1, 1, 1, 1] }, stem: 'imagenet', classes: 10, seed: 0 });
  expect(Object.keys(network.weights).slice(0, 16)).toEqual([
    'stem.conv.kernel',
    ...parts('stem.bn'),
    'stage1.block0.conv1.kernel',
    ...parts('stage1.block0.bn1'),
    'stage1.block0.conv2.kernel',
    ...parts('stage1.block0.bn2'),
    'stage1.block0.conv3.kernel',
  ]);
  expect(Object.keys(network.weights).slice(20, 25)).toEqual(['stage1.block0.shortcut.conv.kernel', ...parts('stage1.block0.shortcut.bn')]);
  network.dispose();
});

function parts(norm: string): string[] {
  return ['scale', 'offset', 'mean', 'variance'].map((part) => `${norm}.${part}`);
}
