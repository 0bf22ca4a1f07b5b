import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Network } from '@kd/core';
import { expectClose, explainStartFailure } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  cifarResnet,
  convBnRelu,
  createNetwork,
  dense,
  globalAveragePool,
  loadWeights,
  type PreprocessingOptions,
  resnet,
  tutorialCnn,
} from '../../src/index.ts';
import { readWeights, saveTorchWeights } from '../../src/node/index.ts';
import { python, refusalOfTorch } from '../torch/python.ts';

const script = fileURLToPath(new URL('../torch/roundTrip.py', import.meta.url));

const prepare: PreprocessingOptions = {
  size: 'asGiven',
  normalize: { mean: [0, 0, 0], std: [1, 1, 1] },
};
const common = { classes: 10, seed: 3, prepare } as const;
const imagenet = { ...common, stem: 'imagenet' } as const;
const tiny = { blocks: [1, 2, 1, 1], channels: [8, 16, 32, 64] } as const;

/** The kinds of `roundTrip.py`. */
const makers: Readonly<Record<string, () => Network>> = {
  seed: () => tutorialCnn(common),
  basic: () =>
    resnet({
      ...imagenet,
      depth: { block: 'basic', blocks: [1, 2, 1, 1], channels: [8, 16, 24, 40] },
    }),
  bottleneck: () => resnet({ ...imagenet, depth: { block: 'bottleneck', ...tiny } }),
  cifar: () => cifarResnet({ ...common, depth: 8, shortcut: 'projection' }),
  sequential: () =>
    createNetwork({
      name: 'plain',
      ...common,
      layers: {
        stage1: convBnRelu(3, 8),
        pooled: globalAveragePool(),
        fc: dense({ from: 8, to: 10 }),
      },
    }),
  'huggingFace basic': () =>
    resnet({
      ...imagenet,
      depth: { block: 'basic', blocks: [1, 1, 2, 1], channels: tiny.channels },
    }),
  'huggingFace bottleneck': () => resnet({ ...imagenet, depth: { block: 'bottleneck', ...tiny } }),
  'torchvision resnet18': () => resnet({ ...imagenet, depth: 18 }),
  'timm resnet50': () => resnet({ ...imagenet, depth: 50 }),
};

/** What the layers of a `torch.nn.Sequential` are called. */
const counted = (layer: string) =>
  ({ 'stage1.conv': '0', 'stage1.bn': '1', fc: '5' })[layer] ?? layer;

describe.skipIf(refusalOfTorch() !== undefined)(
  `with PyTorch: ${refusalOfTorch() ?? 'here'}`,
  { timeout: 300_000 },
  () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'kd-torch-'));
    const file = (name: string) => path.join(folder, name);
    const logitsIn = (name: string) => JSON.parse(readFileSync(file(name), 'utf8')) as number[];
    let kinds: string[] = [];

    beforeAll(async () => {
      const refusals = [await explainStartFailure('wasm'), await explainStartFailure('tensorflow')];
      expect(refusals).toContain(undefined);
      kinds = runPython('make');
    }, 300_000);
    afterAll(() => rmSync(folder, { recursive: true }));

    test("its files give our networks its modules' logits", async () => {
      expect(kinds).toEqual(
        expect.arrayContaining(['seed', 'basic', 'bottleneck', 'cifar', 'sequential']),
      );
      for (const kind of kinds) {
        const network = makers[kind]?.() as Network;
        for (const format of ['pth', 'safetensors']) {
          for (const weight of Object.values(network.weights))
            tf.tidy(() => weight.assign(tf.zerosLike(weight)));
          const { left } = loadWeights(network, await readWeights(file(`${kind}.${format}`)));
          expect(left).toEqual([]);
          expectClose(logitsOf(network), logitsIn(`${kind}.json`), 1e-5);
        }
        network.dispose();
      }
    });

    test("our files give its modules, loaded strictly, our networks' logits", async () => {
      const ours = new Map<string, Float32Array>();
      for (const kind of kinds) {
        const network = makers[kind]?.() as Network;
        loadWeights(network, await readWeights(file(`${kind}.safetensors`)));
        const names =
          kind === 'sequential' ? counted : network.keyMaps?.[kind.split(' ')[0] as string];
        await saveTorchWeights(file(`${kind}.ours.safetensors`), network, names && { names });
        ours.set(kind, logitsOf(network));
        network.dispose();
      }
      expect(runPython('check')).toEqual(kinds);
      for (const [kind, logits] of ours) expectClose(logits, logitsIn(`${kind}.ours.json`), 1e-5);
    });

    function runPython(task: string): string[] {
      const last = execFileSync(python, [script, task, folder], { encoding: 'utf8' })
        .trim()
        .split('\n')
        .at(-1) as string;
      return JSON.parse(last) as string[];
    }
  },
);

function logitsOf(network: Network): Float32Array {
  const values = Float32Array.from(
    { length: 3 * 32 * 32 },
    (_, n) => 0.5 + 0.5 * Math.sin(0.37 * n + 1e-5 * n * n),
  );
  const images: tf.Tensor4D = tf.tidy(() =>
    tf.transpose(tf.tensor4d(values, [1, 3, 32, 32]), [0, 2, 3, 1]),
  );
  const { logits, features } = network.forward(images, { training: false });
  const numbers = logits.dataSync<'float32'>();
  tf.dispose([images, logits, features]);
  return numbers;
}
