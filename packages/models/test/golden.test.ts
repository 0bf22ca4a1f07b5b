import { readFileSync } from 'node:fs';
import type { Network } from '@kd/core';
import { expectClose, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { test } from 'vitest';
import { type PreprocessingOptions, resnet, tutorialCnn } from '../src/index.ts';
import { fillByFormula, goldenImages } from './formula.ts';

interface Golden {
  readonly logits: number[][];
  readonly pooledFirst10: number[][];
}

const asTheyAre: PreprocessingOptions = {
  size: 'asGiven',
  normalize: { mean: [0, 0, 0], std: [1, 1, 1] },
};

onEveryEngine(() => {
  test("tutorialCnn is the tutorial's student: PyTorch's logits for the same weights", () => {
    const network = tutorialCnn({ classes: 10, seed: 0, prepare: asTheyAre });
    fillByFormula(network, 13, 'none');
    expectGolden(network, golden('seedStudent'));
  });

  test.each([
    { fixture: 'tinyResnet', block: 'basic', blocks: [1, 1, 1, 1], seed: 11, lastNorm: 'bn2' },
    {
      fixture: 'tinyBottleneck',
      block: 'bottleneck',
      blocks: [1, 2, 1, 1],
      seed: 12,
      lastNorm: 'bn3',
    },
  ] as const)(
    "resnet of $block blocks gives torchvision's logits for the same weights",
    ({ fixture, block, blocks, seed, lastNorm }) => {
      const network = resnet({
        depth: { block, blocks },
        stem: 'imagenet',
        width: 1 / 8,
        classes: 10,
        seed: 0,
        prepare: asTheyAre,
      });
      fillByFormula(network, seed, lastNorm);
      expectGolden(network, golden(fixture));
    },
  );
});

function expectGolden(network: Network, { logits, pooledFirst10 }: Golden): void {
  const images = tf.tensor4d(goldenImages(), [2, 32, 32, 3]);
  const outputs = network.forward(images, { training: false });
  expectClose(outputs.logits.dataSync(), logits.flat(), 1e-4);
  const pooled = outputs.features.pooled?.arraySync() as number[][];
  expectClose(
    pooled.flatMap((row) => row.slice(0, 10)),
    pooledFirst10.flat(),
    1e-4,
  );
  tf.dispose([images, outputs.logits, ...Object.values(outputs.features)]);
  network.dispose();
}

function golden(name: string): Golden {
  return JSON.parse(
    readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), 'utf8'),
  ) as Golden;
}
