import { readFileSync } from 'node:fs';
import type { Network } from '@kd/core';
import { closeTo, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import {
  batchNorm,
  convolution,
  dense,
  globalAveragePool,
  type LayerPlan,
  networkOf,
  pointwise,
  relu,
  residual,
  seedCnn,
  sequence,
} from '../src/index.ts';
import { goldenImages, hashed, toHwio } from './formula.ts';

interface Golden {
  readonly logits: number[][];
  readonly pooledFirst10: number[][];
}

const asTheyAre = { mean: [0, 0, 0], deviation: [1, 1, 1] };

onEveryEngine(() => {
  test("seedCnn is the tutorial's student: PyTorch's logits for the same weights", () => {
    const network = seedCnn({ classes: 10, seed: 0, normalise: asTheyAre });
    const convolutions = ['stage1.conv1', 'stage1.conv2', 'stage2.conv1', 'stage2.conv2'];
    fillByFormula(
      network,
      [...convolutions, 'fc1', 'fc2'].flatMap((layer) => [`${layer}.kernel`, `${layer}.bias`]),
      13,
    );
    expectGolden(network, golden('seedStudent'));
  });

  test("a torchvision ResNet built of our blocks gives torchvision's logits", () => {
    const network = tinyResnet();
    const normalised = (convolution: string, norm: string) => [
      `${convolution}.kernel`,
      ...['scale', 'offset', 'mean', 'variance'].map((part) => `${norm}.${part}`),
      null,
    ];
    const block = (name: string, projected: boolean) => [
      ...normalised(`${name}.conv1`, `${name}.bn1`),
      ...normalised(`${name}.conv2`, `${name}.bn2`),
      ...(projected ? normalised(`${name}.shortcut.conv`, `${name}.shortcut.bn`) : []),
    ];
    fillByFormula(network, [...normalised('conv1', 'bn1'), ...[1, 2, 3, 4].flatMap((at) => block(`layer${at}`, at > 1)), 'fc.kernel', 'fc.bias'], 11);
    expectGolden(network, golden('tinyResnet'));
  });
});

/** ResNet(BasicBlock, [1, 1, 1, 1]) with 8, 16, 32, 64 planes. */
function tinyResnet(): Network {
  const block = (from: number, to: number): LayerPlan => {
    const stride = from === to ? 1 : 2;
    return residual({
      body: {
        conv1: convolution({ from, to, stride }),
        bn1: batchNorm({ channels: to }),
        relu: relu(),
        conv2: convolution({ from: to, to }),
        bn2: batchNorm({ channels: to }),
      },
      ...(stride === 2 && { shortcut: sequence({ conv: convolution({ from, to, size: 1, stride }), bn: batchNorm({ channels: to }) }) }),
      after: relu(),
    });
  };
  const surround: [number, number][] = [
    [0, 0],
    [1, 1],
    [1, 1],
    [0, 0],
  ];
  return networkOf({
    name: 'tiny',
    seed: 0,
    normalise: asTheyAre,
    layers: {
      conv1: convolution({ from: 3, to: 8, size: 7, stride: 2 }),
      bn1: batchNorm({ channels: 8 }),
      relu: relu(),
      pool: pointwise((x) => tf.maxPool(tf.pad(x as tf.Tensor4D, surround), 3, 2, 'valid')),
      layer1: block(8, 8),
      layer2: block(8, 16),
      layer3: block(16, 32),
      layer4: block(32, 64),
      pooled: globalAveragePool(),
      fc: dense({ from: 64, to: 10 }),
    },
    taps: ['pooled'],
  });
}

/** @param names In the order of PyTorch's state_dict(); null for num_batches_tracked. */
function fillByFormula(network: Network, names: readonly (string | null)[], seed: number): void {
  expect(names.filter((name) => name !== null).sort()).toEqual(Object.keys(network.weights).sort());
  names.forEach((name, k) => {
    if (name === null) return;
    const variable = network.weights[name] as tf.Variable;
    const u = (n: number) => hashed(n, k, seed);
    const centred = (n: number) => 2 * u(n) - 1;
    const { shape } = variable;
    const last = /\.bn2\.scale$/.test(name);
    const vectorRules: Record<string, (n: number) => number> = {
      scale: (n) => (last ? 0.25 + 0.25 * u(n) : 0.75 + 0.5 * u(n)),
      variance: (n) => 0.5 + u(n),
    };
    const vector = vectorRules[name.split('.').at(-1) as string] ?? ((n: number) => 0.2 * centred(n));
    const fanIn = shape.slice(0, -1).reduce((product, side) => product * side, 1);
    const kernel = (n: number) => centred(n) * Math.sqrt(6 / fanIn);
    const [from, to] = shape.slice(-2) as [number, number];
    const size = shape.length === 4 ? (shape[0] as number) : 1;
    const values = shape.length === 1 ? Float32Array.from({ length: variable.size }, (_, n) => vector(n)) : toHwio(kernel, [size, size, from, to]);
    tf.tidy(() => variable.assign(tf.tensor(values, shape)));
  });
}

function expectGolden(network: Network, { logits, pooledFirst10 }: Golden): void {
  const images = tf.tensor4d(goldenImages(), [2, 32, 32, 3]);
  const outputs = network.forward(images, { training: false });
  closeTo(outputs.logits.dataSync(), logits.flat(), 1e-4);
  const pooled = outputs.features.pooled?.arraySync() as number[][];
  closeTo(
    pooled.flatMap((row) => row.slice(0, 10)),
    pooledFirst10.flat(),
    1e-4,
  );
  tf.dispose([images, outputs.logits, ...Object.values(outputs.features)]);
  network.dispose();
}

function golden(name: string): Golden {
  return JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), 'utf8')) as Golden;
}
