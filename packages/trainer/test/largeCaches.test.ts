/** Caches of which a view is larger than `memoryBytes`: rows are read from the store. */
import type { Batch, DataLoader, FilePart, ModelFingerprint, Store, Teacher } from '@kd/core';
import { memoryStore } from '@kd/files';
import { directoryStore } from '@kd/files/node';
import { expectNoNewTensors, temporaryDirectories } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { predict } from '../src/evaluate.ts';
import { cachedBatches, cachedTeacher, cacheOutputs } from '../src/index.ts';
import { onCpu } from './helpers/cpu.ts';
import { messageOf } from './helpers/run.ts';
import { tinySource } from './helpers/source.ts';

onCpu();

const temporaryDirectory = temporaryDirectories();
/** Three numbers an image, of which four fit into a shard: 20 images are five shards. */
const shardBytes = 4 * 3 * 4;

const fingerprint: ModelFingerprint = { name: 'sums', weights: 'w', preprocessing: 'p' };
const teacher: Teacher = Object.assign(
  ({ images }: Batch) =>
    tf.tidy(() => {
      const sums = tf.sum(images, [1, 2, 3]) as tf.Tensor1D;
      const logits = tf.stack([sums, tf.square(sums), tf.neg(sums)], 1) as tf.Tensor2D;
      return { logits, features: { sums: tf.stack([sums, sums, tf.exp(tf.neg(sums))], 1) } };
    }),
  { fingerprint: async () => fingerprint },
);
const outputs = ['logits', 'sums'];

/** A store that counts the files that are read as a whole. */
function counting(store: Store): Store & { readonly counts: { whole: number; parts: number } } {
  const counts = { whole: 0, parts: 0 };
  return {
    ...store,
    counts,
    read: (name) => {
      counts.whole += 1;
      return store.read(name);
    },
    readParts: async (name: string, parts: readonly FilePart[]) => {
      counts.parts += parts.length;
      await store.readParts?.(name, parts);
    },
  };
}

async function predictions(teacher: Teacher, data: DataLoader, epochs: number) {
  const all: number[][] = [];
  for (let epoch = 0; epoch < epochs; epoch++)
    for await (const batch of data.epoch(epoch)) {
      const { logits, features } = await predict(teacher, batch);
      all.push([...logits.dataSync(), ...(features.sums?.dataSync() ?? [])]);
      tf.dispose([logits, Object.values(features)]);
    }
  return all;
}

test.each([
  ['memory', 'float32'],
  ['memory', 'float16'],
  ['a directory', 'float32'],
] as const)('rows from a store in %s, %s, are those of a view in memory', async (where, dtype) => {
  const store = counting(where === 'memory' ? memoryStore() : directoryStore(temporaryDirectory()));
  const data = tinySource({ viewCount: 2 });
  await cacheOutputs({ teacher, data, store, outputs, dtype, shardBytes });
  const options = { store, data, teacher: fingerprint, outputs };
  await expectNoNewTensors(async () => {
    const whole = await predictions(await cachedTeacher(options), data, 3);
    expect(store.counts.parts).toBe(0);
    const large = await cachedTeacher({ ...options, memoryBytes: 0 });
    expect(await predictions(large, data, 3)).toEqual(whole);
    // 20 images, two outputs, three epochs.
    expect(store.counts.parts).toBe(120);
  });
});

test('a shard is read as a whole once in a view, to be checked', async () => {
  const store = counting(memoryStore());
  const data = tinySource();
  await cacheOutputs({ teacher, data, store, shardBytes });
  const large = await cachedTeacher({ store, data, teacher: fingerprint, memoryBytes: 0 });
  store.counts.whole = 0;
  await predictions(large, data, 3);
  expect(store.counts.whole).toBe(5);
});

test('a shard that was altered is refused when its first row is read', async () => {
  const store = memoryStore();
  const data = tinySource();
  await cacheOutputs({ teacher, data, store, outputs, shardBytes });
  const name = 'teacher.sums.view0.shard3.safetensors';
  const bytes = (await store.read(name)) as Uint8Array;
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  await store.write(name, bytes);
  const options = { store, data, teacher: fingerprint, outputs, memoryBytes: 0 };
  expect(await messageOf(predictions(await cachedTeacher(options), data, 1))).toMatch(
    /^teacher\.sums\.view0\.shard3\.safetensors in memory: expected contents with the sha256/,
  );
});

test('a direct call of a teacher whose view is not in memory is refused', async () => {
  const [store, data] = [memoryStore(), tinySource()];
  await cacheOutputs({ teacher, data, store });
  const large = await cachedTeacher({ store, data, teacher: fingerprint, memoryBytes: 0 });
  for await (const batch of data.iterateOnce()) {
    const { logits } = await predict(large, batch);
    logits.dispose();
    expect(() => large(batch)).toThrow(
      'teacher.safetensors in memory: expected to be evaluated by predictAsync, got a direct call for a view that is larger than memoryBytes; await teacher.predictAsync(batch).',
    );
    break;
  }
});

test('a store that reads whole files alone keeps the view in memory', async () => {
  const { readParts: _, ...store } = memoryStore();
  const data = tinySource();
  await cacheOutputs({ teacher, data, store, shardBytes });
  const cached = await cachedTeacher({ store, data, teacher: fingerprint, memoryBytes: 0 });
  expect((await predictions(cached, data, 1)).length).toBe(4);
});

test('batches of cached features are the same', async () => {
  const backbone = {
    name: 'sums',
    preprocessing: 'none',
    end: 'sum',
    featureNames: [],
    weights: {},
    forward: (images: tf.Tensor4D) => ({ sum: tf.sum(images, [1, 2]) }),
  };
  const [store, data] = [memoryStore(), tinySource({ viewCount: 2 })];
  await cacheOutputs({ backbone, data, store, shardBytes });
  const read = async (source: DataLoader) => {
    const all: number[][] = [];
    for (const epoch of [0, 1, 2])
      for await (const { images, labels } of source.epoch(epoch))
        all.push([...images.dataSync(), ...labels.dataSync()]);
    return all;
  };
  const whole = await read(await cachedBatches({ backbone, data, store }));
  expect(await read(await cachedBatches({ backbone, data, store, memoryBytes: 0 }))).toEqual(whole);
});

test.each([0, 2 ** 28, Number.NaN])('shards of %d bytes are refused', async (bytes) => {
  const [store, data] = [memoryStore(), tinySource()];
  expect(await messageOf(cacheOutputs({ teacher, data, store, shardBytes: bytes }))).toBe(
    `cacheOutputs: expected shardBytes from 1 to 2²⁷, got ${bytes}; 2 ** 25 is usual.`,
  );
});
