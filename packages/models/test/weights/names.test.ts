import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Network } from '@kd/core';
import { explainStartFailure } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test, vi } from 'vitest';
import { cifarResnet, loadWeights, resnet } from '../../src/index.ts';
import { inMemory } from './inMemory.ts';

// Names need no first values, and twenty-five million of them take their time.
vi.mock('../../src/layers/initial.ts', async (original) => ({
  ...(await original<typeof import('../../src/layers/initial.ts')>()),
  drawnVariable: (_: string, shape: number[]) => tf.variable(tf.zeros(shape)),
}));

/** Title → name → shape, in the order of state_dict(): written by test/torch/names.py. */
const published = JSON.parse(
  gunzipSync(readFileSync(new URL('../fixtures/torchNames.json.gz', import.meta.url))).toString(),
) as Readonly<Record<string, Readonly<Record<string, number[]>>>>;

const imagenet = (depth: 18 | 50) => () =>
  resnet({ depth, stem: 'imagenet', classes: 1000, seed: 0 });
const cifar = (depth: 18 | 50, classes: number) => () =>
  resnet({ depth, stem: 'cifar', classes, seed: 0 });
const small = (classes: number, shortcut: 'identity' | 'projection') => () =>
  cifarResnet({ depth: 20, classes, seed: 0, shortcut });

const rows: readonly [title: string, scheme: string, make: () => Network][] = [
  ['torchvision resnet18', 'torchvision', imagenet(18)],
  ['torchvision resnet50', 'torchvision', imagenet(50)],
  ['huggingFace resnet-18', 'huggingFace', imagenet(18)],
  ['huggingFace resnet-50', 'huggingFace', imagenet(50)],
  ['kuangliu resnet18', 'kuangliu', cifar(18, 10)],
  ['kuangliu resnet50', 'kuangliu', cifar(50, 10)],
  ['weiaicunzai resnet18', 'weiaicunzai', cifar(18, 100)],
  ['weiaicunzai resnet50', 'weiaicunzai', cifar(50, 100)],
  ['akamaster resnet20', 'akamaster', small(10, 'identity')],
  ['akamaster resnet20 option B', 'akamaster', small(10, 'projection')],
  ['repDistiller resnet20', 'repDistiller', small(100, 'projection')],
  ['chenyaofo cifar100_resnet20', 'repDistiller', small(100, 'projection')],
];

beforeAll(async () => {
  expect(await explainStartFailure('cpu')).toBe(undefined);
});

test.each(rows)(
  '%s: every tensor of the published module has its weight, and every weight its tensor',
  (title, scheme, make) => {
    const network = make();
    const shapes = Object.entries(published[title] ?? {});
    const entries = Object.fromEntries(
      shapes.map(([name, shape], place) => [
        name,
        { dtype: 'F32', shape, read: () => new Float32Array(sizeOf(shape)).fill(place) } as const,
      ]),
    );
    const report = loadWeights(network, inMemory(entries));
    expect(report).toMatchObject({ scheme, prefix: '', left: [], ignored: [] });
    expect(report.loaded).toHaveLength(shapes.length);
    // Their blocks begin with the body, as ours do; those of Hugging Face begin with the shortcut.
    const places = Object.values(network.weights).map(firstOf);
    if (scheme !== 'huggingFace') expect(places).toEqual([...places.keys()]);
    network.dispose();
  },
  60_000,
);

test.each(['resnet18', 'resnet50'])("timm's %s calls all of it as torchvision does", (name) => {
  expect(published[`timm ${name}`]).toEqual(published[`torchvision ${name}`]);
});

function firstOf(weight: tf.Tensor): number {
  return weight.dataSync()[0] as number;
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}
