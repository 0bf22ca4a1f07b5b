import { readFileSync } from 'node:fs';
import type { Batch, DataLoader, ModelFingerprint, Outputs, Store, Teacher } from '@kd/core';
import { decodeSafetensors, memoryStore } from '@kd/files';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { encodeChecksummed } from '../src/checksummed.ts';
import { predict } from '../src/evaluate.ts';
import { cachedTeacher, cacheOutputs, evaluate, networkTeacher, sgd } from '../src/index.ts';
import { onCpu } from './helpers/cpu.ts';
import { linear, numbersOf, tinyCnn } from './helpers/networks.ts';
import { taught } from './helpers/objectives.ts';
import { messageOf, reportsOf } from './helpers/run.ts';
import { INPUTS, tinySource } from './helpers/source.ts';

const FILE = 'teacher.safetensors';
const SHARD = 'teacher.logits.view0.shard0.safetensors';

/** All logits of a teacher in some epochs. */
async function predictEpochs(
  teacher: Teacher,
  data: DataLoader,
  epochs: number,
): Promise<number[][]> {
  const all: number[][] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    for await (const batch of data.epoch(epoch)) {
      const { logits, features } = await predict(teacher, batch);
      all.push(Array.from(logits.dataSync()));
      tf.dispose([logits, Object.values(features)]);
    }
  }
  return all;
}

async function withFirstBatch(
  data: DataLoader,
  use: (batch: Batch) => void | Promise<void>,
): Promise<void> {
  for await (const batch of data.iterateOnce()) return use(batch);
}

const fingerprint = (teacher: Teacher) =>
  (teacher.fingerprint as () => Promise<ModelFingerprint>)();

onEveryEngine((engine) => {
  test('a cached teacher returns what the live one returns, in any order and under every view', async () => {
    const network = tinyCnn(2, 3, 1);
    const [live, store, data] = [
      networkTeacher(network),
      memoryStore(),
      tinySource({ viewCount: 3, firstRow: 50 }),
    ];
    await expectNoNewTensors(async () => {
      await cacheOutputs({ teacher: live, data, store });
      const cached = await cachedTeacher({ store, data, teacher: await fingerprint(live) });
      const expected = await predictEpochs(live, data, 5);
      // Batches of other images are summed in another order on some engines.
      for (const [at, values] of (await predictEpochs(cached, data, 5)).entries())
        expectClose(values, expected[at] as number[], engine === 'cpu' ? 0 : 1e-5);
    });
    network.dispose();
  });

  test('a teacher that is cached with features returns what the live one returns, with features', async () => {
    const network = tinyCnn(2, 3, 1);
    const [live, store, data] = [
      networkTeacher(network),
      memoryStore(),
      tinySource({ viewCount: 2 }),
    ];
    const outputs = ['logits', 'map'];
    await expectNoNewTensors(async () => {
      const cache = await cacheOutputs({ teacher: live, data, store, outputs });
      expect(cache.outputs).toEqual({
        logits: { shape: [3], dtype: 'F32', rowsPerShard: 20 },
        map: { shape: [4, 4, 4], dtype: 'F32', rowsPerShard: 20 },
      });
      const teacher = await fingerprint(live);
      const cached = await cachedTeacher({ store, data, teacher, outputs });
      for (let epoch = 0; epoch < 3; epoch++) {
        for await (const batch of data.epoch(epoch)) {
          const [expected, got] = [live(batch), (await cached.predictAsync?.(batch)) as Outputs];
          const precision = engine === 'cpu' ? 0 : 1e-5;
          expectClose(got.logits.dataSync(), expected.logits.dataSync(), precision);
          const [map, other] = [got.features.map as tf.Tensor, expected.features.map as tf.Tensor];
          expect(map.shape).toEqual(other.shape);
          expectClose(map.dataSync(), other.dataSync(), precision);
          tf.dispose([expected.logits, got.logits, map, other]);
        }
      }
    });
    network.dispose();
  });
});

describe('the cache of a teacher', () => {
  onCpu();
  const createCache = async () => {
    const network = linear(INPUTS, 3, 1);
    const [teacher, store, data] = [
      networkTeacher(network),
      memoryStore(),
      tinySource({ viewCount: 2 }),
    ];
    const cache = await cacheOutputs({ teacher, data, store });
    return { network, teacher, store, data, cache, id: await fingerprint(teacher) };
  };
  /** Counts the batches on which a teacher is evaluated. */
  const counting = (teacher: Teacher) => {
    const counts = { batches: 0 };
    const counted: Teacher = (batch) => {
      counts.batches += 1;
      return teacher(batch);
    };
    return {
      counts,
      teacher: Object.assign(counted, { fingerprint: () => fingerprint(teacher) }),
    };
  };

  test('is shards of logits by view and image, and a manifest', async () => {
    const { network, store, data, cache, id } = await createCache();
    const shard = decodeSafetensors((await store.read(SHARD)) as Uint8Array, SHARD);
    expect(shard.tensors.values).toMatchObject({ dtype: 'F32', shape: [20, 3] });
    expect(shard.tensors.indices).toMatchObject({ dtype: 'I32', shape: [20] });
    const manifest = decodeSafetensors((await store.read(FILE)) as Uint8Array, FILE);
    expect(JSON.parse(manifest.metadata.manifest as string)).toEqual(cache);
    expect(cache).toMatchObject({
      model: id,
      dataName: 'tiny',
      views: [data.view(0), data.view(1)],
      rows: 20,
      classes: 3,
    });
    expectClose([cache.accuracy[0] as number], [(await evaluate(network, data)).top1], 0);
    network.dispose();
  });

  test('is not computed again if it fits; one of another teacher is replaced', async () => {
    const { network, store, data, teacher, cache } = await createCache();
    const counted = counting(teacher);
    expect(await cacheOutputs({ teacher: counted.teacher, data, store })).toEqual(cache);
    expect(counted.counts.batches).toBe(0);
    const other = linear(INPUTS, 3, 2);
    const again = await cacheOutputs({ teacher: networkTeacher(other), data, store });
    expect(again.model).toEqual(await fingerprint(networkTeacher(other)));
    tf.dispose([network.weights, other.weights]);
  });

  test('keeps its outputs and views when others are added or fewer are requested', async () => {
    const network = tinyCnn(2, 3, 1);
    const [store, data] = [memoryStore(), tinySource({ viewCount: 2 })];
    const { teacher, counts } = counting(networkTeacher(network));
    const whole = await cacheOutputs({ teacher, data, store });
    expect(counts.batches).toBe(8);
    expect(await cacheOutputs({ teacher, data, store, views: 1 })).toEqual(whole);
    expect(counts.batches).toBe(8);
    const outputs = ['logits', 'map'];
    const more = await cacheOutputs({ teacher, data, store, outputs });
    expect(Object.keys(more.outputs)).toEqual(outputs);
    expect(more.accuracy).toEqual(whole.accuracy);
    expect(counts.batches).toBe(16);
    expect(await cacheOutputs({ teacher, data, store })).toEqual(more);
    expect(counts.batches).toBe(16);
    network.dispose();
  });

  test('of another teacher, preprocessing, data set or view is refused by name', async () => {
    const { network, store, data, id } = await createCache();
    const refused = (more: object) =>
      messageOf(cachedTeacher({ store, data, teacher: id, ...more }));
    const start = 'teacher.safetensors in memory: expected a cache of';
    const end = 'cache the teacher again.';
    expect(await refused({ teacher: { ...id, weights: 'abc' } })).toBe(
      `${start} a teacher with the weights abc, got ${id.weights}; ${end}`,
    );
    expect(await refused({ teacher: { ...id, preprocessing: 'resize 8' } })).toBe(
      `${start} a teacher with the preprocessing resize 8, got none; ${end}`,
    );
    expect(await refused({ data: tinySource({ viewCount: 2, dataSeed: 1 }) })).toMatch(
      /cache of the data set tiny \(\w{64}\), got tiny \(\w{64}\); cache the teacher again/,
    );
    expect(await refused({ data: tinySource({ viewCount: 2, firstRow: 20 }) })).toMatch(
      /cache of the set of images \w{64}, got \w{64}; cache the teacher again/,
    );
    const [mine, theirs] = [tinySource({ viewCount: 2, seed: 9 }), data].map(
      (source) => source.view(0).seed,
    );
    expect(await refused({ data: tinySource({ viewCount: 2, seed: 9 }) })).toBe(
      `${start} view 0 from the seed ${mine}, got ${theirs}; ${end}`,
    );
    expect(await refused({ data: tinySource({ viewCount: 2, spec: 'crop()' }) })).toBe(
      `${start} view 0 as crop(), got shift(); ${end}`,
    );
    expect(await refused({ data: tinySource({ viewCount: 3 }) })).toBe(
      `${start} 3 views, got 2; ${end}`,
    );
    expect(await refused({ outputs: ['logits', 'map'] })).toBe(
      "teacher.safetensors in memory: expected the output map, got [logits]; cache the teacher with outputs: ['map'].",
    );
    expect(await refused({ file: 'other.safetensors' })).toBe(
      'cachedTeacher: expected other.safetensors in memory, got no such file; cache the teacher first: cacheOutputs.',
    );
    network.dispose();
  });

  test('of an earlier format is refused by name and replaced by caching again', async () => {
    const network = linear(INPUTS, 3, 1);
    const [store, teacher, data] = [
      memoryStore(),
      networkTeacher(network),
      tinySource({ rows: 6 }),
    ];
    await store.write(
      FILE,
      readFileSync(new URL(`fixtures/earlierFiles/${FILE}`, import.meta.url)),
    );
    const open = async () => cachedTeacher({ store, data, teacher: await fingerprint(teacher) });
    expect(await messageOf(open())).toBe(
      'teacher.safetensors in memory: expected format kd-output-cache, got kd-teacher-logits; cache the teacher again.',
    );
    await cacheOutputs({ teacher, data, store });
    await open();
    network.dispose();
  });

  test('whose logits got mixed up shows by its accuracy', async () => {
    const { network, store, data, id } = await createCache();
    // Every image gets the logits of the next one.
    await rewriteShard(store, (values) => values.copyWithin(0, 3));
    expect(await messageOf(cachedTeacher({ store, data, teacher: id }))).toMatch(
      /^teacher\.safetensors in memory: expected accuracy [\d.]+ in view 0, got [\d.]+; images and logits do not belong together; cache the teacher again\.$/,
    );
    network.dispose();
  });

  test('has no images and views that were not cached', async () => {
    const { network, store, data, id } = await createCache();
    const teacher = await cachedTeacher({ store, data, teacher: id });
    await withFirstBatch(tinySource({ viewCount: 2, firstRow: 100 }), async (batch) =>
      expect(await messageOf(predict(teacher, batch))).toMatch(
        'expected one of 20 cached images, got 100; cache the teacher on these images too.',
      ),
    );
    await withFirstBatch(tinySource(), async (batch) =>
      expect(await messageOf(predict(teacher, batch))).toMatch(
        'expected one of 2 cached views, got plain from seed 0; cache it too.',
      ),
    );
    network.dispose();
  });

  test('is read by predictAsync; a direct call needs a view that was read', async () => {
    const { network, store, data, id } = await createCache();
    const teacher = await cachedTeacher({ store, data, teacher: id });
    await withFirstBatch(data, async (batch) => {
      expect(() => teacher(batch)).toThrow(
        'teacher.safetensors in memory: expected to be evaluated by predictAsync, got a direct call for a view that is not read yet; await teacher.predictAsync(batch).',
      );
      const [async, direct] = [await predict(teacher, batch), teacher(batch)];
      expect(direct.logits.dataSync()).toEqual(async.logits.dataSync());
      tf.dispose([async.logits, direct.logits]);
    });
    network.dispose();
  });

  test('needs a finite number of views, a teacher with a fingerprint, and logits', async () => {
    const network = linear(INPUTS, 3, 1);
    const refused = (more: object) =>
      messageOf(
        cacheOutputs({
          teacher: networkTeacher(network),
          data: tinySource(),
          store: memoryStore(),
          ...more,
        }),
      );
    expect(await refused({ data: tinySource({ viewCount: Number.POSITIVE_INFINITY }) })).toBe(
      'cacheOutputs: expected data with a finite number of views, got Infinity; pass viewCount to dataLoader, such as viewCount: 8.',
    );
    expect(await refused({ teacher: (batch: Batch) => networkTeacher(network)(batch) })).toBe(
      'cacheOutputs: expected a teacher with a fingerprint, got none; networkTeacher(network) has one.',
    );
    expect(await refused({ outputs: ['map'] })).toBe(
      'cacheOutputs: expected logits among the outputs of a teacher, got [map].',
    );
    expect(await refused({ data: tinySource({ classes: 4 }) })).toBe(
      'cacheOutputs: expected a teacher of 4 classes, got 3.',
    );
    network.dispose();
  });

  test('teaches as the live teacher does', async () => {
    const { network, teacher, store, data, id } = await createCache();
    const cached = await cachedTeacher({ store, data, teacher: id });
    const trainWith = async (by: Teacher) => {
      const [student, objective] = [tinyCnn(2, 3, 2), taught(() => 1)];
      await reportsOf({
        student,
        objective,
        teacher: by,
        data,
        optimizer: sgd({ momentum: 0.9 }),
        learningRate: 0.1,
        epochs: 3,
      });
      const weights = numbersOf(student.weights);
      tf.dispose([student.weights, objective.weights]);
      return weights;
    };
    expect(await trainWith(cached)).toStrictEqual(await trainWith(teacher));
    network.dispose();
  });

  test('is looked up in a few µs per image', async () => {
    const network = linear(INPUTS, 3, 1);
    const [store, data] = [memoryStore(), tinySource({ rows: 1000, batchSize: 1000 })];
    const live = networkTeacher(network);
    await cacheOutputs({ teacher: live, data, store });
    const teacher = await cachedTeacher({ store, data, teacher: await fingerprint(live) });
    await withFirstBatch(data, async (batch) => {
      tf.dispose((await predict(teacher, batch)).logits);
      const started = performance.now();
      for (let time = 0; time < 50; time++) tf.dispose((await predict(teacher, batch)).logits);
      expect((performance.now() - started) / 50).toBeLessThan(5);
    });
    network.dispose();
  });
});

/** Changes the logits of a shard and gives it a right checksum, as a faulty program would. */
async function rewriteShard(
  store: Store,
  change: (values: Float32Array) => unknown,
): Promise<void> {
  const { tensors, metadata } = decodeSafetensors((await store.read(SHARD)) as Uint8Array, SHARD);
  change(tensors.values?.data as Float32Array);
  const { digest: _, ...rest } = metadata;
  await store.write(SHARD, await encodeChecksummed(tensors, rest));
}
