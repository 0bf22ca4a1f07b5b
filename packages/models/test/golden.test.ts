import { readFileSync } from 'node:fs';
import type { Network } from '@kd/core';
import { closeTo, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { test } from 'vitest';
import { type Preparation, resnet, seedCnn } from '../src/index.ts';
import { goldenImages, hashed, toHwio } from './formula.ts';

interface Golden {
  readonly logits: number[][];
  readonly pooledFirst10: number[][];
}

const asTheyAre: Preparation = { size: 'asGiven', normalise: { mean: [0, 0, 0], deviation: [1, 1, 1] } };

onEveryEngine(() => {
  test("seedCnn is the tutorial's student: PyTorch's logits for the same weights", () => {
    const network = seedCnn({ classes: 10, seed: 0, prepare: asTheyAre });
    fillByFormula(network, 13, 'none');
    expectGolden(network, golden('seedStudent'));
  });

  test.each([
    { fixture: 'tinyResnet', block: 'basic', blocks: [1, 1, 1, 1], seed: 11, lastNorm: 'bn2' },
    { fixture: 'tinyBottleneck', block: 'bottleneck', blocks: [1, 2, 1, 1], seed: 12, lastNorm: 'bn3' },
  ] as const)("resnet of $block blocks gives torchvision's logits for the same weights", ({ fixture, block, blocks, seed, lastNorm }) => {
    const network = resnet({ depth: { block, blocks }, stem: 'imagenet', width: 1 / 8, classes: 10, seed: 0, prepare: asTheyAre });
    fillByFormula(network, seed, lastNorm);
    expectGolden(network, golden(fixture));
  });
});

/** Weights lie in the order of PyTorch's state_dict(), where a counter stands behind every variance. @param lastNorm Of a residual branch. */
function fillByFormula(network: Network, seed: number, lastNorm: string): void {
  const names = Object.keys(network.weights).flatMap((name) => (name.endsWith('.variance') ? [name, null] : [name]));
  names.forEach((name, k) => {
    if (name === null) return;
    const variable = network.weights[name] as tf.Variable;
    const u = (n: number) => hashed(n, k, seed);
    const centred = (n: number) => 2 * u(n) - 1;
    const { shape } = variable;
    const last = name.endsWith(`.${lastNorm}.scale`);
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
