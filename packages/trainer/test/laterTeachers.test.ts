import { memoryStore, type Network, type Outputs, type Teacher } from '@kd/core';
import { closeTo, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { ensemble, evaluate, frozen, recordTeacher, replayTeacher, sgd } from '../src/index.ts';
import { numbersOf, tinyCnn } from './helpers/networks.ts';
import { taught } from './helpers/objectives.ts';
import { reportsOf } from './helpers/run.ts';
import { tinySource } from './helpers/source.ts';

type Named = Teacher & Required<Pick<Teacher, 'later' | 'identity'>>;

/** As one that runs in another library. */
function laterOnly(network: Network): Named {
  const { later, identity } = frozen(network) as Named;
  const teacher = (): Outputs => {
    throw new Error('asked at once');
  };
  return Object.assign(teacher, { later, identity });
}

onEveryEngine(() => {
  test('a teacher is evaluated as its network is, also one that answers later only', async () => {
    const [network, source] = [tinyCnn(2, 3, 1), tinySource({ viewCount: 2 })];
    await expectNoNewTensors(async () => {
      const { top1, top5, confusion, loss } = await evaluate(network, source);
      for (const teacher of [frozen(network), laterOnly(network)]) {
        const judged = await evaluate(teacher, source);
        closeTo([judged.loss], [loss], 1e-6);
        expect(judged).toMatchObject({ top1, top5, confusion, images: 20 });
      }
    });
    network.dispose();
  });

  test('a teacher that answers later only is recorded, joins an ensemble and teaches', async () => {
    const [network, store, batches] = [tinyCnn(2, 3, 1), memoryStore(), tinySource({ viewCount: 2 })];
    const teacher = laterOnly(network);
    const run = async (by: Teacher) => {
      const [student, objective] = [tinyCnn(2, 3, 2), taught(() => 1)];
      await reportsOf({ student, objective, teacher: by, batches, optimizer: sgd({ momentum: 0.9 }), learningRate: 0.1, epochs: 2 });
      const weights = Object.values(numbersOf(student.weights)).flat();
      tf.dispose([student.weights, objective.weights]);
      return weights;
    };
    const expected = await run(frozen(network));
    await recordTeacher({ teacher, batches, store });
    const replayed = await replayTeacher({ store, batches, teacher: await teacher.identity() });
    for (const by of [teacher, ensemble([teacher, teacher]), replayed]) closeTo(await run(by), expected, 1e-4);
    network.dispose();
  });
});
