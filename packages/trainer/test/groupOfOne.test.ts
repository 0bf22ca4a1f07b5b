import type { ProcessGroup, Shard, Store } from '@kd/core';
import { memoryStore } from '@kd/files';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { adam, cacheOutputs, evaluate, networkTeacher, type TrainOptions } from '../src/index.ts';
import { onCpu } from './helpers/cpu.ts';
import { settings } from './helpers/groupTrainings.ts';
import { numbersOf, tinyCnn } from './helpers/networks.ts';
import { hard } from './helpers/objectives.ts';
import { messageOf, reportsOf } from './helpers/run.ts';
import { type TinyOptions, tinySource } from './helpers/source.ts';

onCpu();

/** A group without anybody else: its sums are what goes in. */
const alone = (shard: Shard = { rank: 0, size: 1 }): ProcessGroup => ({
  ...shard,
  allReduceSum: (tensor) => tf.clone(tensor),
});

function training(source: TinyOptions, more: Partial<TrainOptions> = {}): TrainOptions {
  const options = {
    student: tinyCnn(2, 3, 1),
    objective: hard(),
    data: tinySource(source),
    optimizer: adam(),
    epochs: 2,
  };
  return { ...settings, ...options, ...more };
}

describe('a group', () => {
  test('of one process computes the same as without a group, with a store too', async () => {
    const stores: Store[] = [memoryStore(), memoryStore()];
    const [one, none] = [
      training(
        { shard: alone() },
        {
          group: alone(),
          store: stores[0],
          validation: tinySource({ dataSeed: 1, shard: alone() }),
        },
      ),
      training({}, { store: stores[1], validation: tinySource({ dataSeed: 1 }) }),
    ];
    const [reports, others] = [await reportsOf(one), await reportsOf(none)];
    expect(numbersOf(one.student.weights)).toEqual(numbersOf(none.student.weights));
    expect(
      reports.map(({ terms, accuracy, validation }) => [terms, accuracy, validation?.loss]),
    ).toEqual(others.map(({ terms, accuracy, validation }) => [terms, accuracy, validation?.loss]));
    const resumed = {
      ...training(
        { shard: alone() },
        { group: alone(), epochs: 2, resume: true, store: stores[0] },
      ),
      validation: one.validation,
    };
    expect(await reportsOf(resumed)).toEqual([]);
    expect(numbersOf(resumed.student.weights)).toEqual(numbersOf(one.student.weights));
  });

  test('leaves no tensors behind', async () => {
    const options = training(
      { shard: alone() },
      { group: alone(), validation: tinySource({ shard: alone() }) },
    );
    const before = tf.memory().numTensors;
    await reportsOf(options);
    expect(tf.memory().numTensors).toBe(before);
  });

  test('a failing store is an error on every process', async () => {
    const full: Store = {
      location: 'a full disk',
      read: async () => undefined,
      write: () => Promise.reject(new Error('no space left')),
    };
    expect(
      await messageOf(reportsOf(training({ shard: alone() }, { group: alone(), store: full }))),
    ).toBe('no space left');
  });

  const remedy = 'pass shard: engine.group to dataLoader, and group: engine.group to train.';
  test.each([
    [
      'whole batches',
      {},
      { group: alone() },
      `train: expected data to be shard 0 of 1, got whole; ${remedy}`,
    ],
    [
      'a shard without a group',
      { shard: { rank: 1, size: 2 } },
      {},
      `train: expected data to be whole, got shard 1 of 2; ${remedy}`,
    ],
    [
      "another's validation",
      { shard: alone() },
      { group: alone(), validation: tinySource({ shard: { rank: 1, size: 2 } }) },
      `train: expected validation to be shard 0 of 1, got shard 1 of 2; ${remedy}`,
    ],
    [
      'a last batch with fewer pictures than processes',
      { rows: 20, shard: { rank: 0, size: 3 } },
      { group: alone({ rank: 0, size: 3 }) },
      'train: expected an image for each of 3 processes in every batch, got 2; dropLast leaves out a smaller last batch.',
    ],
  ])(
    '%s: an error at the door',
    async (_, source: TinyOptions, more: Partial<TrainOptions>, message) => {
      expect(await messageOf(reportsOf(training(source, more)))).toBe(message);
    },
  );

  test('a data loader with other shards than it declares is refused', async () => {
    const shard = { rank: 1, size: 2 };
    const batches = { ...tinySource({ shard: { rank: 0, size: 4 } }), shard };
    expect(await messageOf(reportsOf(training({}, { data: batches, group: alone(shard) })))).toBe(
      'train: expected 3 of 6 images in shard 1 of 2, got 1.',
    );
  });

  test('evaluate and cacheOutputs check the shard', async () => {
    const [network, source] = [tinyCnn(2, 3, 1), tinySource({ shard: { rank: 1, size: 2 } })];
    expect(await messageOf(evaluate(network, source))).toMatch(
      /^evaluate: expected tiny whole without a group, and in a group this process's shard of it/,
    );
    expect(
      await messageOf(
        cacheOutputs({ teacher: networkTeacher(network), data: source, store: memoryStore() }),
      ),
    ).toBe(
      'cacheOutputs: expected whole batches, got shard 1 of 2; cache in one process, before the group.',
    );
  });
});
