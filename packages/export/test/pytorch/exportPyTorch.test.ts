import '@tensorflow/tfjs-backend-cpu';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Network } from '@kd/core';
import { decodeSafetensors } from '@kd/files';
import { cifarResnet, resnet9, studentCnn, tutorialCnn } from '@kd/models';
import { networkGraph } from '@kd/models/graph';
import { expectClose } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { exportPyTorch } from '../../src/index.ts';
import { scatter } from '../support/networks.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const common = { classes: 7, seed: 1 };
const students: Readonly<Record<string, () => Network>> = {
  'studentCnn of four widths': () => studentCnn({ ...common, widths: [4, 6, 8, 10] }),
  resnet9: () => resnet9({ ...common, width: 0.0625 }),
  tutorialCnn: () => tutorialCnn({ ...common, channels: [4, 6, 5] }),
};
const imageShape = [16, 16, 3] as const;

function exported(network: Network) {
  const classNames = Array.from({ length: 7 }, (_, at) => `class "${at}"`);
  const graph = networkGraph(network, { imageShape });
  return exportPyTorch(network, graph, { name: 'small', classNames });
}

test('the weights have the names of the module, batch norm is not folded', () => {
  const network = studentCnn({ ...common, widths: [4, 6] });
  const { tensors, metadata } = decodeSafetensors(
    exported(network)['small.safetensors'] as Uint8Array,
    'small.safetensors',
  );
  expect(new Set(Object.keys(tensors))).toEqual(
    new Set([
      ...['stage1', 'stage2'].flatMap((stage) => [
        `${stage}.conv.weight`,
        ...['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'].map(
          (part) => `${stage}.bn.${part}`,
        ),
      ]),
      'fc.weight',
      'fc.bias',
    ]),
  );
  expect(tensors['stage2.conv.weight']?.shape).toEqual([6, 4, 3, 3]);
  expect(metadata?.network).toBe('studentCnn 4-6');
  network.dispose();
});

test('other networks have their weights alone', () => {
  const network = cifarResnet({ ...common, depth: 8 });
  expect(Object.keys(exported(network))).toEqual(['small.safetensors']);
  network.dispose();
});

test('a network that resizes is refused, unless the preparation stays outside', () => {
  const network = studentCnn({ ...common, widths: [4], prepare: { size: 8 } });
  expect(() => exported(network)).toThrow(
    new RangeError(
      "exportPyTorch: expected a network that takes images of their own size, got one that resizes (studentCnn 4); export it with the preparation outside: preparation: 'outside'.",
    ),
  );
  const graph = networkGraph(network, { imageShape, preparation: 'outside' });
  expect(Object.keys(exportPyTorch(network, graph))).toEqual(['student.safetensors', 'student.py']);
  network.dispose();
});

/** A Python that may have torch and safetensors. */
const python = process.env.KD_TORCH_PYTHON || 'python3';

function refusalOfTorch(): string | undefined {
  try {
    execFileSync(python, ['-c', 'import torch, safetensors'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return `${python} has no torch and safetensors; KD_TORCH_PYTHON=<one that has>`;
  }
}

const program = `
import json, sys, torch
from small import CLASS_NAMES, load
count, shape = 2, (2, 3, 16, 16)
images = torch.tensor(json.load(sys.stdin)).view(2, 16, 16, 3).permute(0, 3, 1, 2)
model = load("small.safetensors")
with torch.inference_mode():
    print(json.dumps({"logits": model(images).flatten().tolist(), "names": CLASS_NAMES}))
`;

describe.skipIf(refusalOfTorch() !== undefined)(
  `in the PyTorch that is ${refusalOfTorch() ?? 'here'}`,
  { timeout: 60_000 },
  () => {
    test.each(Object.entries(students))('%s has our logits', (_, create) => {
      const network = create();
      scatter(network);
      const directory = mkdtempSync(path.join(tmpdir(), 'kd-module-'));
      try {
        for (const [name, bytes] of Object.entries(exported(network)))
          writeFileSync(path.join(directory, name), bytes);
        const images = tf.randomUniform<tf.Rank.R4>([2, ...imageShape], 0, 1, 'float32', 3);
        const input = JSON.stringify([...images.dataSync()]);
        const options = { cwd: directory, input, encoding: 'utf8' } as const;
        const { logits, names } = JSON.parse(execFileSync(python, ['-c', program], options));
        const ours = tf.tidy(() => network.forward(images, { training: false }).logits.dataSync());
        expectClose(Float32Array.from(logits), ours, 1e-5);
        expect(names[3]).toBe('class "3"');
      } finally {
        rmSync(directory, { recursive: true });
        network.dispose();
      }
    });
  },
);
