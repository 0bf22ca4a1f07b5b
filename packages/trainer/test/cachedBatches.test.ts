import { readFileSync } from 'node:fs';
import type { Backbone, Batch, DataLoader, Store } from '@kd/core';
import { decodeSafetensors, memoryStore } from '@kd/files';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { cachedBatches, cacheOutputs, evaluate, networkTeacher, sgd } from '../src/index.ts';
import { onCpu } from './helpers/cpu.ts';
import { linear, numbersOf, tinyCnn } from './helpers/networks.ts';
import { hard } from './helpers/objectives.ts';
import { messageOf, reportsOf } from './helpers/run.ts';
import { tinySource } from './helpers/source.ts';

const FILE = 'features.safetensors';
const SHARD = 'features.pooled.view0.shard0.safetensors';

/** Convolution and ReLU, `map` [4, 4, 4], then its mean, `pooled`; counts its forward passes. */
function tinyBackbone(seed = 1) {
  const values = Float32Array.from({ length: 9 * 2 * 4 }, (_, at) => Math.sin(seed + 0.7 * at));
  const kernel = tf.tidy(() => tf.variable(tf.tensor4d(values, [3, 3, 2, 4])));
  const counts = { forward: 0 };
  const backbone: Backbone = {
    name: 'tiny up to pooled',
    preprocessing: 'none',
    end: 'pooled',
    featureNames: ['map'],
    weights: { kernel },
    forward: (images) => {
      counts.forward += 1;
      return tf.tidy(() => {
        const map = tf.relu(tf.conv2d(images, kernel as tf.Tensor4D, 1, 'same'));
        return { map, pooled: tf.mean(map, [1, 2]) };
      });
    },
  };
  return { backbone, counts, kernel };
}

/** All batches of a data loader in some epochs, as numbers. */
async function collect(source: DataLoader, epochs: number, read: (batch: Batch) => tf.Tensor) {
  const all: { rows: number[]; labels: number[]; seed: number; values: number[] }[] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    for await (const batch of source.epoch(epoch)) {
      const values = tf.tidy(() => Array.from(read(batch).dataSync()));
      all.push({
        rows: Array.from(batch.indices),
        labels: Array.from(batch.labels.dataSync()),
        seed: batch.view.seed,
        values,
      });
    }
  }
  return all;
}

onEveryEngine((engine) => {
  test.each(['float32', 'float16'] as const)(
    'cached features in %s are those of the backbone: same images, labels, views, from any batch on',
    async (dtype) => {
      const { backbone, kernel } = tinyBackbone();
      const [store, batches] = [memoryStore(), tinySource({ viewCount: 3, firstRow: 50 })];
      await expectNoNewTensors(async () => {
        await cacheOutputs({ backbone, data: batches, store, dtype });
        const source = await cachedBatches({ backbone, data: batches, store });
        const expected = await collect(
          batches,
          4,
          ({ images }) => backbone.forward(images).pooled as tf.Tensor,
        );
        const got = await collect(source, 4, ({ images }) => images);
        expect(got.map(({ values: _, ...rest }) => rest)).toEqual(
          expected.map(({ values: _, ...rest }) => rest),
        );
        const precision = dtype === 'float16' ? 2 ** -11 : engine === 'cpu' ? 0 : 1e-5;
        for (const [at, { values }] of got.entries())
          expectClose(values, expected[at]?.values ?? [], precision);
        for await (const batch of source.epoch(1, 2)) {
          expect(Array.from(batch.indices)).toEqual(expected[6]?.rows);
          expect(batch.images.shape).toEqual([6, 1, 1, 4]);
          break;
        }
      });
      expect((await cachedBatches({ backbone, data: batches, store })).dataset.imageShape).toEqual([
        1, 1, 4,
      ]);
      kernel.dispose();
    },
  );
});

describe('the cache of a backbone', () => {
  onCpu();

  test('is shards for each output, with a manifest', async () => {
    const { backbone, kernel } = tinyBackbone();
    const [store, batches] = [memoryStore(), tinySource()];
    const manifest = await cacheOutputs({
      backbone,
      data: batches,
      store,
      outputs: ['pooled', 'map'],
      dtype: 'float16',
    });
    const file = decodeSafetensors((await store.read(FILE)) as Uint8Array, FILE);
    expect(JSON.parse(file.metadata.manifest as string)).toEqual(manifest);
    expect(manifest).toMatchObject({
      dataName: 'tiny',
      rows: 20,
      model: { name: 'tiny up to pooled', preprocessing: 'none' },
    });
    const shard = decodeSafetensors((await store.read(SHARD)) as Uint8Array, SHARD);
    expect(shard.tensors.values).toMatchObject({ dtype: 'F16', shape: [20, 4] });
    const name = 'features.map.view0.shard0.safetensors';
    const map = decodeSafetensors((await store.read(name)) as Uint8Array, name);
    expect(map.tensors.values).toMatchObject({ dtype: 'F16', shape: [20, 4, 4, 4] });
    expect(Array.from(shard.tensors.indices?.data as Int32Array)).toEqual(
      Array.from({ length: 20 }, (_, row) => row),
    );
    kernel.dispose();
  });

  test('continues where it was interrupted, and adds views, without evaluating anything again', async () => {
    const { backbone, counts, kernel } = tinyBackbone();
    const [store, controller] = [memoryStore(), new AbortController()];
    const batches = tinySource({ rows: 100, batchSize: 10, viewCount: 3 });
    // 64 values per image: 64 images to a shard.
    const wide = {
      backbone: { ...backbone, end: 'map' },
      data: batches,
      store,
      shardBytes: 64 * 64 * 4,
    };
    const createProgress = () => ({
      update: (done: number) => done === 80 && controller.abort(),
      end: () => {},
    });
    await expect(
      cacheOutputs({ ...wide, views: 1, createProgress, signal: controller.signal }),
    ).rejects.toThrow('aborted');
    expect(counts.forward).toBe(8);
    expect(await store.read(FILE)).toBeUndefined();
    await cacheOutputs({ ...wide, views: 1 });
    // The batch of images 60 to 69 is evaluated again, since shard 1 begins within it.
    expect(counts.forward).toBe(8 + 4);
    await cacheOutputs({ ...wide, views: 1 });
    expect(counts.forward).toBe(12);
    await cacheOutputs({ ...wide, views: 2 });
    expect(counts.forward).toBe(22);
    const source = await cachedBatches({ ...wide, views: 2 });
    const read = ({ images }: Batch) => tf.sum(images, [1, 2, 3]);
    const live = await collect(batches, 2, ({ images }) =>
      tf.sum(backbone.forward(images).map as tf.Tensor, [1, 2, 3]),
    );
    for (const [at, { rows, values }] of (await collect(source, 2, read)).entries()) {
      expect(rows).toEqual(live[at]?.rows);
      expectClose(values, live[at]?.values ?? [], 1e-6);
    }
    kernel.dispose();
  });

  test('is refused under another backbone, preprocessing, end, data set, set of images, view', async () => {
    const { backbone, kernel } = tinyBackbone();
    const [store, batches] = [memoryStore(), tinySource({ viewCount: 2 })];
    await cacheOutputs({ backbone, data: batches, store });
    const refused = (more: object) =>
      messageOf(cachedBatches({ backbone, data: batches, store, ...more }));
    const other = tinyBackbone(2);
    expect(await refused({ backbone: other.backbone })).toMatch(
      /^features\.safetensors in memory: expected a cache of a backbone with the weights \w{64}, got \w{64}; cache the backbone again\.$/,
    );
    expect(await refused({ backbone: { ...backbone, preprocessing: 'resize 8' } })).toMatch(
      'a backbone with the preprocessing resize 8, got none; cache the backbone again.',
    );
    expect(await refused({ backbone: { ...backbone, end: 'map' } })).toMatch(
      "expected the output map, got [pooled]; cache the backbone with outputs: ['map'].",
    );
    expect(await refused({ data: tinySource({ viewCount: 2, dataSeed: 1 }) })).toMatch(
      'a cache of the data set tiny',
    );
    expect(await refused({ data: tinySource({ viewCount: 2, firstRow: 20 }) })).toMatch(
      'a cache of the set of images',
    );
    expect(await refused({ data: tinySource({ viewCount: 2, seed: 9 }) })).toMatch(
      'a cache of view 0 from the seed',
    );
    expect(await refused({ data: tinySource({ viewCount: 3 }) })).toMatch(
      'a cache of 3 views, got 2',
    );
    expect(await refused({ file: 'other' })).toBe(
      'cachedBatches: expected other in memory, got no such file; cache the backbone first: cacheOutputs.',
    );
    tf.dispose([kernel, other.kernel]);
  });

  test('of an earlier format is refused by name', async () => {
    const { backbone, kernel } = tinyBackbone();
    const [store, data] = [memoryStore(), tinySource({ rows: 6 })];
    await store.write(
      FILE,
      readFileSync(new URL(`fixtures/earlierFiles/${FILE}`, import.meta.url)),
    );
    expect(await messageOf(cachedBatches({ backbone, data, store }))).toBe(
      'features.safetensors in memory: expected format kd-output-cache, got kd-body-features; cache the backbone again.',
    );
    kernel.dispose();
  });

  test('names a shard that is missing or was altered, and is repaired by caching again', async () => {
    const { backbone, kernel, counts } = tinyBackbone();
    const [store, batches] = [memoryStore(), tinySource()];
    await cacheOutputs({ backbone, data: batches, store });
    const whole = (await store.read(SHARD)) as Uint8Array;
    const first = async () => {
      for await (const _ of (await cachedBatches({ backbone, data: batches, store })).epoch(0))
        return 'iterated';
    };
    await store.write(SHARD, Object.assign(whole.slice(), { [whole.length - 1]: 7 }));
    expect(await messageOf(first())).toMatch(
      /^features\.pooled\.view0\.shard0\.safetensors in memory: expected contents with the sha256/,
    );
    const alone = {
      ...store,
      read: async (name: string) => (name === SHARD ? undefined : store.read(name)),
    } satisfies Store;
    const missing = cachedBatches({ backbone, data: batches, store: alone }).then(
      async (source) => {
        for await (const _ of source.iterateOnce()) return;
      },
    );
    expect(await messageOf(missing)).toBe(
      'features.safetensors: expected features.pooled.view0.shard0.safetensors in memory, got no such file; cache again.',
    );
    const before = counts.forward;
    await cacheOutputs({ backbone, data: batches, store });
    expect(counts.forward).toBe(2 * before);
    expect(await store.read(SHARD)).toEqual(whole);
    expect(await first()).toBe('iterated');
    kernel.dispose();
  });

  test('refuses unknown outputs, shards, infinitely many views, and values that are not finite or too large', async () => {
    const { backbone, kernel } = tinyBackbone();
    const [store, batches] = [memoryStore(), tinySource()];
    const refused = (more: object) =>
      messageOf(cacheOutputs({ backbone, data: batches, store, ...more }));
    expect(await refused({ outputs: ['stage9'] })).toBe(
      'cacheOutputs: expected outputs among map, pooled, got stage9.',
    );
    expect(await refused({ data: tinySource({ shard: { rank: 0, size: 2 } }) })).toMatch(
      'expected whole batches, got shard 0 of 2',
    );
    expect(await refused({ data: tinySource({ viewCount: Number.POSITIVE_INFINITY }) })).toMatch(
      'expected data with a finite number of views',
    );
    const times = (factor: number): Backbone => ({
      ...backbone,
      name: `times ${factor}`,
      forward: (images) =>
        tf.tidy(() => ({ pooled: tf.mul(backbone.forward(images).pooled as tf.Tensor, factor) })),
    });
    expect(await refused({ backbone: times(Number.POSITIVE_INFINITY) })).toMatch(
      /expected finite pooled, got (Infinity|NaN) for image \d+; the network has diverged/,
    );
    expect(await refused({ backbone: times(1e6), dtype: 'float16' })).toMatch(
      'expected numbers from −65504 to 65504 in float16',
    );
    const network = tinyCnn(2, 3, 1);
    expect(
      await messageOf(
        cacheOutputs({
          teacher: networkTeacher(network),
          data: batches,
          store,
          outputs: ['logits', 'stage9'],
        }),
      ),
    ).toBe('cacheOutputs: expected outputs among logits, map, got stage9.');
    tf.dispose([kernel, network.weights]);
  });

  test('trains and evaluates a head', async () => {
    const { backbone, kernel } = tinyBackbone();
    const [store, batches] = [memoryStore(), tinySource({ viewCount: 2 })];
    await cacheOutputs({ backbone, data: batches, store });
    const source = await cachedBatches({ backbone, data: batches, store });
    const head = linear(4, 3, 1);
    await expectNoNewTensors(async () => {
      const before = (await evaluate(head, source)).loss;
      await reportsOf({
        student: head,
        objective: hard(),
        data: source,
        validation: source,
        optimizer: sgd({ momentum: 0.9 }),
        learningRate: 0.5,
        epochs: 20,
      });
      expect((await evaluate(head, source)).loss).toBeLessThan(before);
    });
    expect(Object.values(numbersOf(head.weights)).flat().every(Number.isFinite)).toBe(true);
    tf.dispose([kernel, head.weights]);
  });
});
