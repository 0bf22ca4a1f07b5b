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
  type PreprocessingOptions,
  resnet,
  tutorialCnn,
} from '../../src/index.ts';
import { loadWeights, openWeights, saveWeights } from '../../src/node/index.ts';
import { python, refusalOfTorch } from '../torch/python.ts';
import { expectTensors } from './checkpointFixtures.ts';

const checkpointsScript = fileURLToPath(new URL('../torch/checkpoints.py', import.meta.url));

/** More entries than zip can count without zip64, and one tensor that is read in many pieces. */
const large = `
import sys, torch
numbers = torch.arange(66000, dtype=torch.float64)
torch.save({f"n{at}": numbers[at:at + 1].clone() for at in range(66000)} | {"long": torch.arange(3000000).half().view(1000, 3000).t()}, sys.argv[1])
`;

describe.skipIf(refusalOfTorch() !== undefined)(
  `files of the PyTorch that is ${refusalOfTorch() ?? 'here'}`,
  { timeout: 300_000 },
  () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'kd-torch-'));
    beforeAll(() => void execFileSync(python, [checkpointsScript, directory]), 300_000);
    afterAll(() => rmSync(directory, { recursive: true }));

    test.each([
      'odd.pth',
      'odd.legacy.pth',
      'odd.safetensors',
      'protocol4.pth',
      'protocol5.pth',
      'checkpoint.pth',
      'checkpoint.legacy.pth',
    ])('%s', async (file) => {
      expectTensors(await openWeights(path.join(directory, file)), file, file, directory);
    });

    test.each(['parallel.pth', 'compiled.pth', 'averaged.pth', 'wholeModule.legacy.pth'])(
      '%s',
      async (file) => {
        expectTensors(await openWeights(path.join(directory, file)), file, file, directory);
      },
    );

    test('one with 66,000 tensors, and a long transposed one in half precision', async () => {
      const file = path.join(directory, 'large.pth');
      execFileSync(python, ['-c', large, file]);
      const { entries } = await openWeights(file);
      expect(Object.keys(entries).length).toBe(66_001);
      expect(entries.n65999?.read()).toEqual(Float32Array.of(65_999));
      const long = entries.long?.read() as Float32Array;
      expect([
        entries.long?.shape,
        long[0],
        long[1],
        long[1000],
        long[20_001],
        long[2_999_999],
      ]).toEqual([[3000, 1000], 0, 3000, 1, 3020, Number.POSITIVE_INFINITY]);
    });
  },
);

const roundTripScript = fileURLToPath(new URL('../torch/roundTrip.py', import.meta.url));

const prepare: PreprocessingOptions = {
  size: 'asGiven',
  normalize: { mean: [0, 0, 0], std: [1, 1, 1] },
};
const common = { classes: 10, seed: 3, prepare } as const;
const imagenet = { ...common, stem: 'imagenet' } as const;
const tiny = { blocks: [1, 2, 1, 1], channels: [8, 16, 32, 64] } as const;

/** The kinds of `roundTrip.py`. */
const networks: Readonly<Record<string, () => Network>> = {
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

/** Names of the layers of a `torch.nn.Sequential`. */
const counted = (layer: string) =>
  ({ 'stage1.conv': '0', 'stage1.bn': '1', fc: '5' })[layer] ?? layer;

describe.skipIf(refusalOfTorch() !== undefined)(
  `with PyTorch: ${refusalOfTorch() ?? 'here'}`,
  { timeout: 300_000 },
  () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'kd-torch-'));
    const file = (name: string) => path.join(directory, name);
    const logitsIn = (name: string) => JSON.parse(readFileSync(file(name), 'utf8')) as number[];
    let kinds: string[] = [];

    beforeAll(async () => {
      const refusals = [await explainStartFailure('wasm'), await explainStartFailure('tensorflow')];
      expect(refusals).toContain(undefined);
      kinds = runPython('make');
    }, 300_000);
    afterAll(() => rmSync(directory, { recursive: true }));

    test("its files give our networks its modules' logits", async () => {
      expect(kinds).toEqual(
        expect.arrayContaining(['seed', 'basic', 'bottleneck', 'cifar', 'sequential']),
      );
      for (const kind of kinds) {
        const network = networks[kind]?.() as Network;
        for (const format of ['pth', 'safetensors']) {
          for (const weight of Object.values(network.weights))
            tf.tidy(() => weight.assign(tf.zerosLike(weight)));
          const { unchanged } = await loadWeights(network, file(`${kind}.${format}`));
          expect(unchanged).toEqual([]);
          expectClose(logitsOf(network), logitsIn(`${kind}.json`), 1e-5);
        }
        network.dispose();
      }
    });

    test("our files give its modules, loaded strictly, our networks' logits", async () => {
      const ours = new Map<string, Float32Array>();
      for (const kind of kinds) {
        const network = networks[kind]?.() as Network;
        await loadWeights(network, file(`${kind}.safetensors`));
        const keyMap =
          kind === 'sequential' ? counted : network.keyMaps?.[kind.split(' ')[0] as string];
        await saveWeights(network, file(`${kind}.ours.safetensors`), keyMap && { keyMap });
        ours.set(kind, logitsOf(network));
        network.dispose();
      }
      expect(runPython('check')).toEqual(kinds);
      for (const [kind, logits] of ours) expectClose(logits, logitsIn(`${kind}.ours.json`), 1e-5);
    });

    function runPython(task: string): string[] {
      const last = execFileSync(python, [roundTripScript, task, directory], { encoding: 'utf8' })
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
