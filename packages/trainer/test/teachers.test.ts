import type { Batch, DataLoader, ModelFingerprint, Outputs, Store, Teacher } from '@kd/core';
import { decodeSafetensors, encodeSafetensors, memoryStore } from '@kd/files';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import {
  cachedTeacher,
  cacheOutputs,
  ensemble,
  evaluate,
  networkTeacher,
  probabilityEnsemble,
  sgd,
} from '../src/index.ts';
import { onCpu } from './helpers/cpu.ts';
import { linear, numbersOf, tinyCnn } from './helpers/networks.ts';
import { taught } from './helpers/objectives.ts';
import { messageOf, reportsOf } from './helpers/run.ts';
import { INPUTS, tinySource } from './helpers/source.ts';

const FILE = 'teacher.safetensors';

/** All logits a teacher gives in some epochs. */
async function heard(teacher: Teacher, source: DataLoader, epochs: number): Promise<number[][]> {
  const all: number[][] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    for await (const batch of source.epoch(epoch)) all.push(valuesOf(teacher(batch)));
  }
  return all;
}

function valuesOf(outputs: Outputs): number[] {
  const values = Array.from(outputs.logits.dataSync());
  tf.dispose([outputs.logits, Object.values(outputs.features)]);
  return values;
}

async function firstBatch(source: DataLoader, look: (batch: Batch) => void): Promise<void> {
  for await (const batch of source.iterateOnce()) return look(batch);
}

const fingerprint = (teacher: Teacher) =>
  (teacher.fingerprint as () => Promise<ModelFingerprint>)();

onEveryEngine((engine) => {
  test('a replayed teacher says what the live one says, in any order and under every view', async () => {
    const network = tinyCnn(2, 3, 1);
    const [live, store, batches] = [
      networkTeacher(network),
      memoryStore(),
      tinySource({ viewCount: 3, firstRow: 50 }),
    ];
    await expectNoNewTensors(async () => {
      await cacheOutputs({ teacher: live, data: batches, store });
      const replayed = await cachedTeacher({
        store,
        data: batches,
        teacher: await fingerprint(live),
      });
      const [expected, got] = [await heard(live, batches, 5), await heard(replayed, batches, 5)];
      // Batches of other rows are summed in another order on some engines.
      for (const [at, values] of got.entries())
        expectClose(values, expected[at] as number[], engine === 'cpu' ? 0 : 1e-5);
    });
    network.dispose();
  });

  test('an ensemble gives the mean of the logits', async () => {
    const [one, two] = [linear(INPUTS, 3, 1), linear(INPUTS, 3, 2)];
    await firstBatch(tinySource(), (batch) => {
      const [a, b] = [valuesOf(networkTeacher(one)(batch)), valuesOf(networkTeacher(two)(batch))];
      expectClose(
        valuesOf(ensemble([networkTeacher(one), networkTeacher(two)])(batch)),
        a.map((value, at) => (value + (b[at] as number)) / 2),
        1e-6,
      );
    });
    tf.dispose([one.weights, two.weights]);
  });

  test('an ensemble of probabilities gives logits whose softmax is their mean, also of certain teachers', async () => {
    const said = (rows: number[][]): Teacher =>
      Object.assign(() => ({ logits: tf.tensor2d(rows), features: {} }), {
        identity: async () => nobody,
      });
    const nobody = { name: 'nobody', weights: '', preparation: '' };
    const temperature = 2;
    const [one, two] = [said([[0.3, -0.2, 0.7]]), said([[1.1, 2.4, -0.4]])];
    await firstBatch(tinySource(), (batch) =>
      tf.tidy(() => {
        const softened = ({ logits }: Outputs) =>
          tf.softmax(tf.div<tf.Tensor2D>(logits, temperature));
        const both = probabilityEnsemble([one, two], { temperature });
        expectClose(
          softened(both(batch)).dataSync(),
          tf.div(tf.add(softened(one(batch)), softened(two(batch))), 2).dataSync(),
          1e-6,
        );
        const certain = probabilityEnsemble([said([[1e3, -1e3]]), said([[-1e3, 1e3]])], {
          temperature: 1,
        });
        expectClose(certain(batch).logits.dataSync(), [-Math.LN2, -Math.LN2], 1e-6);
      }),
    );
    expect((await fingerprint(probabilityEnsemble([one, two], { temperature }))).name).toBe(
      'ensemble of probabilities at temperature 2 of nobody, nobody',
    );
    expect(() => probabilityEnsemble([one], { temperature: 0 })).toThrow(
      'probabilityEnsemble: expected temperature > 0, got 0; 4 is usual.',
    );
    expect(() => probabilityEnsemble([], { temperature: 2 })).toThrow(
      'probabilityEnsemble: expected at least one teacher, got none.',
    );
  });
});

describe('a recording', () => {
  onCpu();
  const made = async () => {
    const network = linear(INPUTS, 3, 1);
    const [teacher, store, batches] = [
      networkTeacher(network),
      memoryStore(),
      tinySource({ viewCount: 2 }),
    ];
    const manifest = await cacheOutputs({ teacher, data: batches, store });
    return { network, teacher, store, batches, manifest, identity: await fingerprint(teacher) };
  };

  test('is one file with logits by view and row, and a manifest', async () => {
    const { network, store, batches, manifest, identity } = await made();
    const { tensors, metadata } = decodeSafetensors((await store.read(FILE)) as Uint8Array, FILE);
    expect(tensors.logits).toMatchObject({ dtype: 'F32', shape: [2, 20, 3] });
    expect(tensors.rows).toMatchObject({ dtype: 'I32', shape: [20] });
    expect(JSON.parse(metadata.manifest as string)).toEqual(manifest);
    expect(manifest).toMatchObject({
      teacher: identity,
      dataName: 'tiny',
      views: [batches.view(0), batches.view(1)],
      rows: 20,
      classes: 3,
    });
    expectClose([manifest.accuracy[0] as number], [(await evaluate(network, batches)).top1], 0);
    network.dispose();
  });

  test('that fits is not made again; one of another teacher is replaced', async () => {
    const { network, store, batches, teacher, manifest } = await made();
    let asked = 0;
    const count: Teacher = (batch) => {
      asked += 1;
      return teacher(batch);
    };
    const counting = Object.assign(count, { identity: () => fingerprint(teacher) });
    expect(await cacheOutputs({ teacher: counting, data: batches, store })).toEqual(manifest);
    expect(asked).toBe(0);
    const other = linear(INPUTS, 3, 2);
    const again = await cacheOutputs({ teacher: networkTeacher(other), data: batches, store });
    expect(again.teacher).toEqual(await fingerprint(networkTeacher(other)));
    tf.dispose([network.weights, other.weights]);
  });

  test('of another teacher, preparation, data set or view is refused by name', async () => {
    const { network, store, batches, identity } = await made();
    const refused = (more: object) =>
      messageOf(cachedTeacher({ store, data: batches, teacher: identity, ...more }));
    const start = 'teacher.safetensors in memory: expected a recording of';
    const end = 'record the teacher again.';
    expect(await refused({ teacher: { ...identity, weights: 'abc' } })).toBe(
      `${start} a teacher with the weights abc, got ${identity.weights}; ${end}`,
    );
    expect(await refused({ teacher: { ...identity, preparation: 'resize 8' } })).toBe(
      `${start} a teacher with the preparation resize 8, got none; ${end}`,
    );
    expect(await refused({ batches: tinySource({ viewCount: 2, dataSeed: 1 }) })).toMatch(
      /recording of the data set tiny \(\w{64}\), got tiny \(\w{64}\); record/,
    );
    const [mine, theirs] = [tinySource({ viewCount: 2, seed: 9 }), batches].map(
      (source) => source.view(0).seed,
    );
    expect(await refused({ batches: tinySource({ viewCount: 2, seed: 9 }) })).toBe(
      `${start} view 0 from the seed ${mine}, got ${theirs}; ${end}`,
    );
    expect(await refused({ batches: tinySource({ viewCount: 2, spec: 'crop()' }) })).toBe(
      `${start} view 0 as crop(), got shift(); ${end}`,
    );
    expect(await refused({ batches: tinySource({ viewCount: 3 }) })).toBe(
      `teacher.safetensors in memory: expected a recording of 3 views, got 2; ${end}`,
    );
    expect(await refused({ file: 'other.safetensors' })).toBe(
      'cachedTeacher: expected other.safetensors in memory, got no such file; record the teacher first: cacheOutputs.',
    );
    network.dispose();
  });

  test('whose rows got mixed up shows by its accuracy', async () => {
    const { network, store, batches, identity } = await made();
    await rewrite(store, (rows) => rows.reverse());
    expect(await messageOf(cachedTeacher({ store, data: batches, teacher: identity }))).toMatch(
      /^teacher\.safetensors in memory: expected accuracy [\d.]+ in view \d, got [\d.]+; rows and logits do not belong together; record the teacher again\.$/,
    );
    network.dispose();
  });

  test('does not know rows and views that were not recorded', async () => {
    const { network, store, batches, identity } = await made();
    const teacher = await cachedTeacher({ store, data: batches, teacher: identity });
    await firstBatch(tinySource({ viewCount: 2, firstRow: 100 }), (batch) =>
      expect(() => teacher(batch)).toThrow(
        'expected a row among 20 recorded, got 100; record the teacher on these pictures too.',
      ),
    );
    await firstBatch(tinySource(), (batch) =>
      expect(() => teacher(batch)).toThrow(
        'expected a view among 2 recorded, got plain from seed 0; record it too.',
      ),
    );
    network.dispose();
  });

  test('needs a finite number of views and a teacher with an identity', async () => {
    const network = linear(INPUTS, 3, 1);
    const source = tinySource({ viewCount: Number.POSITIVE_INFINITY });
    expect(
      await messageOf(
        cacheOutputs({ teacher: networkTeacher(network), data: source, store: memoryStore() }),
      ),
    ).toBe(
      'cacheOutputs: expected a source with a finite number of views, got Infinity; pass viewCount to batches, such as viewCount: 8.',
    );
    expect(
      await messageOf(
        cacheOutputs({
          teacher: (batch) => networkTeacher(network)(batch),
          data: tinySource(),
          store: memoryStore(),
        }),
      ),
    ).toBe('cacheOutputs: expected a teacher with an identity, got none; frozen(network) has one.');
    network.dispose();
  });

  test('teaches as the live teacher does', async () => {
    const { network, teacher, store, batches, identity } = await made();
    const replayed = await cachedTeacher({ store, data: batches, teacher: identity });
    const run = async (by: Teacher) => {
      const [student, objective] = [tinyCnn(2, 3, 2), taught(() => 1)];
      await reportsOf({
        student,
        objective,
        teacher: by,
        data: batches,
        optimizer: sgd({ momentum: 0.9 }),
        learningRate: 0.1,
        epochs: 3,
      });
      const weights = numbersOf(student.weights);
      tf.dispose([student.weights, objective.weights]);
      return weights;
    };
    expect(await run(replayed)).toStrictEqual(await run(teacher));
    network.dispose();
  });

  test('is looked up in a few µs a row', async () => {
    const network = linear(INPUTS, 3, 1);
    const [store, batches] = [memoryStore(), tinySource({ rows: 1000, batchSize: 1000 })];
    await cacheOutputs({ teacher: networkTeacher(network), data: batches, store });
    const teacher = await cachedTeacher({
      store,
      data: batches,
      teacher: await fingerprint(networkTeacher(network)),
    });
    await firstBatch(batches, (batch) => {
      const started = performance.now();
      for (let time = 0; time < 50; time++) tf.dispose(teacher(batch).logits);
      expect((performance.now() - started) / 50).toBeLessThan(5);
    });
    network.dispose();
  });
});

/** Changes the rows of a recording and seals it again, as a program with a mistake in it would. */
async function rewrite(store: Store, change: (rows: Int32Array) => void): Promise<void> {
  const { sha256 } = await import('@kd/core');
  const { tensors, metadata } = decodeSafetensors((await store.read(FILE)) as Uint8Array, FILE);
  change(tensors.rows?.data as Int32Array);
  const { digest: _, ...rest } = metadata;
  const digest = await sha256(encodeSafetensors(tensors, rest));
  await store.write(FILE, encodeSafetensors(tensors, { ...rest, digest }));
}
