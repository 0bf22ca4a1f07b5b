import type { Network, Outputs, Teacher } from '@kd/core';
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
  sgd,
} from '../src/index.ts';
import { numbersOf, tinyCnn } from './helpers/networks.ts';
import { taught } from './helpers/objectives.ts';
import { reportsOf } from './helpers/run.ts';
import { tinySource } from './helpers/source.ts';

type Named = Teacher & Required<Pick<Teacher, 'predictAsync' | 'fingerprint'>>;

/** As one that runs in another library. */
function laterOnly(network: Network): Named {
  const { predictAsync, fingerprint } = networkTeacher(network) as Named;
  const teacher = (): Outputs => {
    throw new Error('asked at once');
  };
  return Object.assign(teacher, { predictAsync, fingerprint });
}

onEveryEngine(() => {
  test('a teacher is evaluated as its network is, also one that answers later only', async () => {
    const [network, source] = [tinyCnn(2, 3, 1), tinySource({ viewCount: 2 })];
    await expectNoNewTensors(async () => {
      const { top1, top5, confusion, loss } = await evaluate(network, source);
      for (const teacher of [networkTeacher(network), laterOnly(network)]) {
        const judged = await evaluate(teacher, source);
        expectClose([judged.loss], [loss], 1e-6);
        expect(judged).toMatchObject({ top1, top5, confusion, images: 20 });
      }
    });
    network.dispose();
  });

  test('a teacher that answers later only is recorded, joins an ensemble and teaches', async () => {
    const [network, store, batches] = [
      tinyCnn(2, 3, 1),
      memoryStore(),
      tinySource({ viewCount: 2 }),
    ];
    const teacher = laterOnly(network);
    const run = async (by: Teacher) => {
      const [student, objective] = [tinyCnn(2, 3, 2), taught(() => 1)];
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
