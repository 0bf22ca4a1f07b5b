import type { Backbone, Batch, DataLoader, Outputs, Store } from '@kd/core';
import { decodeSafetensors, memoryStore } from '@kd/files';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import {
  cachedBatches,
  cachedTeacher,
  cacheFeatures,
  cacheOutputs,
  evaluate,
  networkTeacher,
  sgd,
} from '../src/index.ts';
import { onCpu } from './helpers/cpu.ts';
import { linear, numbersOf, tinyCnn } from './helpers/networks.ts';
import { hard } from './helpers/objectives.ts';
import { messageOf, reportsOf } from './helpers/run.ts';
import { tinySource } from './helpers/source.ts';

const FILE = 'features.safetensors';
const PART = 'features.view0.part0.safetensors';

/**
 * Convolution and ReLU, `map` [4, 4, 4], then the mean over it, `pooled`; counts how often it is
 * asked.
 */
function tinyBody(seed = 1) {
  const values = Float32Array.from({ length: 9 * 2 * 4 }, (_, at) => Math.sin(seed + 0.7 * at));
  const kernel = tf.tidy(() => tf.variable(tf.tensor4d(values, [3, 3, 2, 4])));
  const counts = { asked: 0 };
  const body: Backbone = {
    name: 'tiny up to pooled',
    preprocessing: 'none',
    end: 'pooled',
    featureNames: ['map'],
    weights: { kernel },
    forward: (images) => {
      counts.asked += 1;
      return tf.tidy(() => {
        const map = tf.relu(tf.conv2d(images, kernel as tf.Tensor4D, 1, 'same'));
        return { map, pooled: tf.mean(map, [1, 2]) };
      });
    },
  };
  return { body, counts, kernel };
}

/** All that a source deals in some epochs, as numbers. */
async function dealt(source: DataLoader, epochs: number, look: (batch: Batch) => tf.Tensor) {
  const all: { rows: number[]; labels: number[]; seed: number; values: number[] }[] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    for await (const batch of source.epoch(epoch)) {
      const values = tf.tidy(() => Array.from(look(batch).dataSync()));
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
    'features in %s are dealt as the body gives them: same rows, labels, views, from any batch on',
    async (dtype) => {
      const { body, kernel } = tinyBody();
      const [store, batches] = [memoryStore(), tinySource({ viewCount: 3, firstRow: 50 })];
      await expectNoNewTensors(async () => {
        await cacheFeatures({ backbone: body, data: batches, store, dtype });
        const source = await cachedBatches({ backbone: body, data: batches, store });
        const expected = await dealt(
          batches,
          4,
          ({ images }) => body.forward(images).pooled as tf.Tensor,
        );
        const got = await dealt(source, 4, ({ images }) => images);
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
      expect(
        (await cachedBatches({ backbone: body, data: batches, store })).dataset.imageShape,
      ).toEqual([1, 1, 4]);
      kernel.dispose();
    },
  );

  test('a teacher that was recorded with taps says what the live one says, features too', async () => {
    const network = tinyCnn(2, 3, 1);
    const [live, store, batches] = [
      networkTeacher(network),
      memoryStore(),
      tinySource({ viewCount: 2 }),
    ];
    const identity = await live.fingerprint?.();
    if (identity === undefined) throw new Error('no identity');
    await expectNoNewTensors(async () => {
      const manifest = await cacheOutputs({ teacher: live, data: batches, store, taps: ['map'] });
      expect(manifest.layout?.tensors).toEqual({
        logits: { shape: [3], dtype: 'F32' },
        'features.map': { shape: [4, 4, 4], dtype: 'F32' },
      });
      const replayed = await cachedTeacher({
        store,
        data: batches,
        teacher: identity,
        taps: ['map'],
      });
      for (let epoch = 0; epoch < 3; epoch++) {
        for await (const batch of batches.epoch(epoch)) {
          const [expected, got] = [live(batch), (await replayed.predictAsync?.(batch)) as Outputs];
          expectClose(
            got.logits.dataSync(),
            expected.logits.dataSync(),
            engine === 'cpu' ? 0 : 1e-5,
          );
          const [map, other] = [got.features.map as tf.Tensor, expected.features.map as tf.Tensor];
          expect(map.shape).toEqual(other.shape);
          expectClose(map.dataSync(), other.dataSync(), engine === 'cpu' ? 0 : 1e-5);
          tf.dispose([expected.logits, got.logits, map, other]);
        }
      }
    });
    network.dispose();
  });
});

describe('a recording of features', () => {
  onCpu();

  test('is files of parts with a manifest beside them, and taps where they are asked for', async () => {
    const { body, kernel } = tinyBody();
    const [store, batches] = [memoryStore(), tinySource()];
    const manifest = await cacheFeatures({
      backbone: body,
      data: batches,
      store,
      taps: ['map'],
      dtype: 'float16',
    });
    const file = decodeSafetensors((await store.read(FILE)) as Uint8Array, FILE);
    expect(JSON.parse(file.metadata.manifest as string)).toEqual(manifest);
    expect(manifest).toMatchObject({
      dataName: 'tiny',
      rows: 20,
      end: 'pooled',
      teacher: { name: 'tiny up to pooled', preprocessing: 'none' },
    });
    const part = decodeSafetensors((await store.read(PART)) as Uint8Array, PART);
    expect(part.tensors['features.pooled']).toMatchObject({ dtype: 'F16', shape: [20, 4] });
    expect(part.tensors['features.map']).toMatchObject({ dtype: 'F16', shape: [20, 4, 4, 4] });
    expect(Array.from(part.tensors.rows?.data as Int32Array)).toEqual(
      Array.from({ length: 20 }, (_, row) => row),
    );
    kernel.dispose();
  });

  test('goes on where it was interrupted, and takes further views in, without asking again', async () => {
    const { body, counts, kernel } = tinyBody();
    const [store, controller] = [memoryStore(), new AbortController()];
    const batches = tinySource({ rows: 100, batchSize: 10, viewCount: 3 });
    // 64 numbers a picture: 64 rows to a part.
    const wide = {
      backbone: { ...body, end: 'map' },
      data: batches,
      store,
      partBytes: 64 * 64 * 4,
    };
    const createProgress = () => ({
      update: (done: number) => done === 80 && controller.abort(),
      end: () => {},
    });
    await expect(
      cacheFeatures({ ...wide, views: 1, createProgress, signal: controller.signal }),
    ).rejects.toThrow('aborted');
    expect(counts.asked).toBe(8);
    expect(await store.read(FILE)).toBeUndefined();
    await cacheFeatures({ ...wide, views: 1 });
    // The batch of rows 60 to 69 is asked again, for part 1 begins within it.
    expect(counts.asked).toBe(8 + 4);
    await cacheFeatures({ ...wide, views: 1 });
    expect(counts.asked).toBe(12);
    await cacheFeatures({ ...wide, views: 2 });
    expect(counts.asked).toBe(22);
    const source = await cachedBatches({ ...wide, views: 2 });
    const look = ({ images }: Batch) => tf.sum(images, [1, 2, 3]);
    const live = await dealt(batches, 2, ({ images }) =>
      tf.sum(body.forward(images).map as tf.Tensor, [1, 2, 3]),
    );
    for (const [at, { rows, values }] of (await dealt(source, 2, look)).entries()) {
      expect(rows).toEqual(live[at]?.rows);
      expectClose(values, live[at]?.values ?? [], 1e-6);
    }
    kernel.dispose();
  });

  test('is refused under another body, preparation, cut, data set, set of rows, view', async () => {
    const { body, kernel } = tinyBody();
    const [store, batches] = [memoryStore(), tinySource({ viewCount: 2 })];
    await cacheFeatures({ backbone: body, data: batches, store });
    const refused = (more: object) =>
      messageOf(cachedBatches({ backbone: body, data: batches, store, ...more }));
    const other = tinyBody(2);
    expect(await refused({ backbone: other.body })).toMatch(
      /^features\.safetensors in memory: expected a recording of a body with the weights \w{64}, got \w{64}; record the body again\.$/,
    );
    expect(await refused({ backbone: { ...body, preprocessing: 'resize 8' } })).toMatch(
      'a body with the preparation resize 8, got none; record the body again.',
    );
    expect(await refused({ backbone: { ...body, end: 'map' } })).toMatch(
      'expected a body that ends with map, got pooled; record the body again.',
    );
    expect(await refused({ data: tinySource({ viewCount: 2, dataSeed: 1 }) })).toMatch(
      'a recording of the data set tiny',
    );
    expect(await refused({ data: tinySource({ viewCount: 2, firstRow: 20 }) })).toMatch(
      'a recording of the rows',
    );
    expect(await refused({ data: tinySource({ viewCount: 2, seed: 9 }) })).toMatch(
      'a recording of view 0 from the seed',
    );
    expect(await refused({ data: tinySource({ viewCount: 3 }) })).toMatch(
      'a recording of 3 views, got 2',
    );
    expect(await refused({ file: 'other' })).toBe(
      'cachedBatches: expected other in memory, got no such file; record the body first: cacheFeatures.',
    );
    tf.dispose([kernel, other.kernel]);
  });

  test('says which part is missing or was altered, and is mended by recording again', async () => {
    const { body, kernel, counts } = tinyBody();
    const [store, batches] = [memoryStore(), tinySource()];
    await cacheFeatures({ backbone: body, data: batches, store });
    const whole = (await store.read(PART)) as Uint8Array;
    const first = async () => {
      for await (const _ of (await cachedBatches({ backbone: body, data: batches, store })).epoch(
        0,
      ))
        return 'dealt';
    };
    await store.write(PART, Object.assign(whole.slice(), { [whole.length - 1]: 7 }));
    expect(await messageOf(first())).toMatch(
      /^features\.view0\.part0\.safetensors in memory: expected contents with the sha256/,
    );
    const alone = {
      ...store,
      read: async (name: string) => (name === PART ? undefined : store.read(name)),
    } satisfies Store;
    const missing = cachedBatches({ backbone: body, data: batches, store: alone }).then(
      async (source) => {
        for await (const _ of source.iterateOnce()) return;
      },
    );
    expect(await messageOf(missing)).toBe(
      'features.safetensors: expected features.view0.part0.safetensors in memory, got no such file; record again.',
    );
    const asked = counts.asked;
    await cacheFeatures({ backbone: body, data: batches, store });
    expect(counts.asked).toBe(2 * asked);
    expect(await store.read(PART)).toEqual(whole);
    expect(await first()).toBe('dealt');
    kernel.dispose();
  });

  test('stops at the door, and at numbers that are not finite or too large', async () => {
    const { body, kernel } = tinyBody();
    const [store, batches] = [memoryStore(), tinySource()];
    const refused = (more: object) =>
      messageOf(cacheFeatures({ backbone: body, data: batches, store, ...more }));
    expect(await refused({ taps: ['stage9'] })).toBe(
      'cacheFeatures: expected taps among map, pooled, got stage9.',
    );
    expect(await refused({ data: tinySource({ shard: { rank: 0, size: 2 } }) })).toMatch(
      'expected whole batches, got shard 0 of 2',
    );
    expect(await refused({ data: tinySource({ viewCount: Number.POSITIVE_INFINITY }) })).toMatch(
      'expected a source with a finite number of views',
    );
    const times = (factor: number): Backbone => ({
      ...body,
      name: `times ${factor}`,
      forward: (images) =>
        tf.tidy(() => ({ pooled: tf.mul(body.forward(images).pooled as tf.Tensor, factor) })),
    });
    expect(await refused({ backbone: times(Number.POSITIVE_INFINITY) })).toMatch(
      /expected finite features\.pooled, got (Infinity|NaN) for row \d+; the network has diverged/,
    );
    expect(await refused({ backbone: times(1e6), dtype: 'float16' })).toMatch(
      'expected numbers from −65504 to 65504 in float16',
    );
    const network = tinyCnn(2, 3, 1);
    expect(
      await messageOf(
        cacheOutputs({ teacher: networkTeacher(network), data: batches, store, taps: ['stage9'] }),
      ),
    ).toBe('cacheOutputs: expected taps among map, got stage9.');
    tf.dispose([kernel, network.weights]);
  });

  test('trains and evaluates a head, and a teacher recorded before is looked up beside it', async () => {
    const { body, kernel } = tinyBody();
    const [store, batches] = [memoryStore(), tinySource({ viewCount: 2 })];
    await cacheFeatures({ backbone: body, data: batches, store });
    const source = await cachedBatches({ backbone: body, data: batches, store });
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
