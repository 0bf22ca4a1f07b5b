import '@tensorflow/tfjs-backend-cpu';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Network } from '@kd/core';
import { decodeSafetensors } from '@kd/files';
import { cifarResnet, fuseBatchNorm, resnet9, studentCnn, tutorialCnn } from '@kd/models';
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

test.each([
  ['shrinks', { size: 8 }],
  ['grows, which it does after its normalization,', { size: 24 }],
  ['is cropped', { size: 8, crop: 0.5 }],
] as const)('a network whose input %s is refused, unless that stays outside', (_, prepare) => {
  const network = studentCnn({ ...common, widths: [4], prepare });
  expect(() => exported(network)).toThrow(
    new RangeError(
      "exportPyTorch: expected a network that takes images of their own size, got one that resizes or crops (studentCnn 4); export it with the preparation outside: preparation: 'outside'.",
    ),
  );
  const graph = networkGraph(network, { imageShape, preparation: 'outside' });
  const files = exportPyTorch(network, graph);
  expect(Object.keys(files)).toEqual(['student.safetensors', 'student.py']);
  const source = new TextDecoder().decode(files['student.py']);
  expect(source).toContain(`Preparation: ${network.preprocessing}.`);
  network.dispose();
});

test('a student whose weights are not those of the module has its weights alone', () => {
  const network = studentCnn({ ...common, widths: [4, 6] });
  const fused = fuseBatchNorm(network);
  expect(fused.name).toBe(network.name);
  expect(Object.keys(exported(fused))).toEqual(['small.safetensors']);
  fused.dispose();
  network.dispose();
});

test('the normalization is as it was written', () => {
  const network = studentCnn({ ...common, widths: [4] });
  const source = new TextDecoder().decode(exported(network)['small.py']);
  expect(source).toContain('\nMEAN = (0.4914, 0.4822, 0.4465)\nSTD = (0.247, 0.2435, 0.2616)\n');
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
