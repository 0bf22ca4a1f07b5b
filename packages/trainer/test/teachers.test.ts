import type { Batch, DataLoader, ModelFingerprint, Network, Outputs, Teacher } from '@kd/core';
import { memoryStore } from '@kd/files';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import {
  cachedTeacher,
  cacheOutputs,
  ensemble,
  evaluate,
  networkTeacher,
  probabilityEnsemble,
  sgd,
} from '../src/index.ts';
import { linear, numbersOf, tinyCnn } from './helpers/networks.ts';
import { taught } from './helpers/objectives.ts';
import { reportsOf } from './helpers/run.ts';
import { INPUTS, tinySource } from './helpers/source.ts';

type NamedTeacher = Teacher & Required<Pick<Teacher, 'predictAsync' | 'fingerprint'>>;

/** A teacher of another library: it cannot be called directly. */
function asyncOnly(network: Network): NamedTeacher {
  const { predictAsync, fingerprint } = networkTeacher(network) as NamedTeacher;
  const teacher = (): Outputs => {
    throw new Error('called directly');
  };
  return Object.assign(teacher, { predictAsync, fingerprint });
}

function takeLogits(outputs: Outputs): number[] {
  const values = Array.from(outputs.logits.dataSync());
  tf.dispose([outputs.logits, Object.values(outputs.features)]);
  return values;
}

async function withFirstBatch(data: DataLoader, use: (batch: Batch) => void): Promise<void> {
  for await (const batch of data.iterateOnce()) return use(batch);
}

const fingerprint = (teacher: Teacher) =>
  (teacher.fingerprint as () => Promise<ModelFingerprint>)();

onEveryEngine(() => {
  test('an ensemble gives the mean of the logits', async () => {
    const [one, two] = [linear(INPUTS, 3, 1), linear(INPUTS, 3, 2)];
    await withFirstBatch(tinySource(), (batch) => {
      const [a, b] = [
        takeLogits(networkTeacher(one)(batch)),
        takeLogits(networkTeacher(two)(batch)),
      ];
      expectClose(
        takeLogits(ensemble([networkTeacher(one), networkTeacher(two)])(batch)),
        a.map((value, at) => (value + (b[at] as number)) / 2),
        1e-6,
      );
    });
    tf.dispose([one.weights, two.weights]);
  });

  test('an ensemble of probabilities gives logits whose softmax is their mean, even for confident teachers', async () => {
    const fixed = (rows: number[][]): Teacher =>
      Object.assign(() => ({ logits: tf.tensor2d(rows), features: {} }), {
        fingerprint: async () => nobody,
      });
    const nobody = { name: 'nobody', weights: '', preprocessing: '' };
    const temperature = 2;
    const [one, two] = [fixed([[0.3, -0.2, 0.7]]), fixed([[1.1, 2.4, -0.4]])];
    await withFirstBatch(tinySource(), (batch) =>
      tf.tidy(() => {
        const softened = ({ logits }: Outputs) =>
          tf.softmax(tf.div<tf.Tensor2D>(logits, temperature));
        const both = probabilityEnsemble([one, two], { temperature });
        expectClose(
          softened(both(batch)).dataSync(),
          tf.div(tf.add(softened(one(batch)), softened(two(batch))), 2).dataSync(),
          1e-6,
        );
        const confident = probabilityEnsemble([fixed([[1e3, -1e3]]), fixed([[-1e3, 1e3]])], {
          temperature: 1,
        });
        expectClose(confident(batch).logits.dataSync(), [-Math.LN2, -Math.LN2], 1e-6);
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

  test('a teacher is evaluated as its network is, even with predictAsync only', async () => {
    const [network, source] = [tinyCnn(2, 3, 1), tinySource({ viewCount: 2 })];
    await expectNoNewTensors(async () => {
      const { top1, top5, confusion, loss } = await evaluate(network, source);
      for (const teacher of [networkTeacher(network), asyncOnly(network)]) {
        const result = await evaluate(teacher, source);
        expectClose([result.loss], [loss], 1e-6);
        expect(result).toMatchObject({ top1, top5, confusion, images: 20 });
      }
    });
    network.dispose();
  });

  test('a teacher with predictAsync only is cached, part of an ensemble and teaches', async () => {
    const [network, store, batches] = [
      tinyCnn(2, 3, 1),
      memoryStore(),
      tinySource({ viewCount: 2 }),
    ];
    const teacher = asyncOnly(network);
    const run = async (by: Teacher) => {
      const [student, objective] = [linear(INPUTS, 3, 2), taught(() => 1)];
      await reportsOf({
        student,
        objective,
        teacher: by,
        data: batches,
        optimizer: sgd({ momentum: 0.9 }),
        learningRate: 0.1,
        epochs: 2,
      });
      const weights = Object.values(numbersOf(student.weights)).flat();
      tf.dispose([student.weights, objective.weights]);
      return weights;
    };
    const expected = await run(networkTeacher(network));
    await cacheOutputs({ teacher, data: batches, store });
    const replayed = await cachedTeacher({
      store,
      data: batches,
      teacher: await teacher.fingerprint(),
    });
    for (const by of [teacher, ensemble([teacher, teacher]), replayed])
      expectClose(await run(by), expected, 1e-4);
    network.dispose();
  });
});
