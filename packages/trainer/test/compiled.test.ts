import { cosine, type LossInputs, type Network, type Teacher } from '@kd/core';
import type { CompilingBackend } from '@kd/core/internal';
import { memoryStore } from '@kd/files';
import { expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { predict } from '../src/evaluate.ts';
import {
  adam,
  cacheOutputs,
  ensemble,
  evaluate,
  networkTeacher,
  sgd,
  TrainingInterruptedError,
} from '../src/index.ts';
import { whileCounting } from './helpers/countingBackend.ts';
import { onCpu } from './helpers/cpu.ts';
import { folding, linear, numbersOf, tinyCnn } from './helpers/networks.ts';
import { hard, taught } from './helpers/objectives.ts';
import { messageOf, reportsOf } from './helpers/run.ts';
import { INPUTS, tinySource } from './helpers/source.ts';
import { expectSteadyTensors } from './helpers/steadyTensors.ts';

/**
 * 20 steps: 5 epochs of three batches of 6 and one of 2. Everything that changes from step to step
 * does.
 */
function twentySteps(student: Network, teacher: Network) {
  const objective = taught((progress) => 1 - 0.5 * progress);
  const batches = tinySource({ viewCount: Number.POSITIVE_INFINITY, seed: 3 });
  const optimizer = adam({ weightDecay: 1e-3 });
  const options = {
    student,
    objective,
    teacher: networkTeacher(teacher),
    data: batches,
    optimizer,
    learningRate: cosine({ from: 0.05 }),
    epochs: 5,
    clipNorm: 1,
  };
  return { ...options, ema: 0.9, validation: tinySource() };
}

/** Counts its forward passes in training: where a step is traced, it is asked once a trace. */
function counting(network: Network) {
  const counts = { training: 0 };
  const counted: Network = {
    ...network,
    forward: (images, mode) => {
      if (mode.training) counts.training += 1;
      return network.forward(images, mode);
    },
  };
  return { counted, counts };
}

onEveryEngine((engine) => {
  test('twenty steps, the last of each epoch smaller, are traced twice on an engine that traces', async () => {
    const teacher = tinyCnn(2, 3, 1);
    const { counted, counts } = counting(tinyCnn(2, 3, 2));
    const options = twentySteps(counted, teacher);
    await reportsOf(options);
    const traces =
      'compile' in (tf.backend() as Partial<CompilingBackend>) && process.env.KD_COMPILE !== 'off';
    expect(counts.training).toBe(traces ? 2 : 20);
    tf.dispose([counted.weights, teacher.weights, options.objective.weights]);
  });

  // `compiled.slow.test.ts` repeats this on the other engines.
  if (engine === 'tensorflow')
    test('keeps as many tensors after hundreds of steps as after five', () =>
      expectSteadyTensors(75));
});

describe('on an engine that compiles', () => {
  onCpu();

  test('step, teacher and validation are one compiled function each, and nothing but shapes makes another trace', async () => {
    await whileCounting(async ({ compiled }) => {
      const [student, teacher] = [tinyCnn(2, 3, 2), tinyCnn(2, 3, 1)];
      const options = twentySteps(student, teacher);
      await reportsOf(options);
      const counts = compiled.map(({ calls, signatures }) => [calls, signatures.size]);
      expect(counts).toEqual([
        [20, 2],
        [20, 2],
        [20, 2],
      ]);
      tf.dispose([student.weights, teacher.weights, options.objective.weights]);
    });
  });

  test('the event loop runs during each step, and the training is the same as without', async () => {
    const [alone, timer, student] = [tinyCnn(2, 3, 2), { ticks: 0 }, tinyCnn(2, 3, 2)];
    const options = {
      objective: hard(),
      data: tinySource(),
      optimizer: sgd({ momentum: 0.9 }),
      learningRate: 0.1,
      epochs: 2,
    };
    await reportsOf({ ...options, student: alone });
    const expected = numbersOf(alone.weights);
    await whileCounting(async () => {
      const ticking = setInterval(() => {
        timer.ticks += 1;
      }, 1);
      await reportsOf({ ...options, student });
      clearInterval(ticking);
      expect(numbersOf(student.weights)).toStrictEqual(expected);
    });
    expect(timer.ticks).toBeGreaterThanOrEqual(4);
    tf.dispose([alone.weights, student.weights]);
  });

  test('an interrupt that comes during a step stops after it, and nothing is left behind', async () => {
    await whileCounting(async () => {
      const [student, teacher, store, controller] = [
        linear(INPUTS, 3, 2),
        linear(INPUTS, 3, 1),
        memoryStore(),
        new AbortController(),
      ];
      await expectNoNewTensors(async () => {
        const objective = taught(() => 1);
        const onStep = ({ step }: { step: number }) => {
          if (step === 2) setTimeout(() => controller.abort(), 0);
        };
        const options = {
          student,
          objective,
          data: tinySource(),
          optimizer: adam(),
          learningRate: 0.1,
          epochs: 2,
          store,
          onStep,
        };
        const work = reportsOf({
          ...options,
          teacher: networkTeacher(teacher),
          signal: controller.signal,
        });
        await expect(work).rejects.toEqual(
          new TrainingInterruptedError({ epoch: 0, step: 3 }, 'memory'),
        );
        objective.dispose();
      });
      tf.dispose([student.weights, teacher.weights]);
    });
  });

  test('an error of the teacher, of the objective or of a step leaves nothing behind', async () => {
    await whileCounting(async () => {
      const [student, network, objective] = [
        linear(INPUTS, 3, 2),
        linear(INPUTS, 3, 1),
        taught(() => 1),
      ];
      const teacher = networkTeacher(network);
      const options = {
        student,
        objective,
        teacher,
        data: tinySource(),
        optimizer: adam(),
        learningRate: 0.1,
        epochs: 2,
        clipNorm: 1,
      };
      /** Throws when it is called once more than so often. */
      const lasting = (calls: number) => {
        let left = calls;
        return () => {
          left -= 1;
          if (left < 0) throw new Error('broken');
        };
      };
      const [asked, computed, moved] = [lasting(2), lasting(3), lasting(2)];
      const speechless: Teacher = (batch) => {
        asked();
        return teacher(batch);
      };
      const senseless = (step: LossInputs) => {
        const values = objective(step);
        computed();
        return values;
      };
      const failing = [
        { teacher: speechless },
        { objective: Object.assign(senseless, { ...objective }) },
        { optimizer: (weights: Network['weights']) => ({ ...adam()(weights), apply: moved }) },
      ];
      for (const more of failing)
        await expectNoNewTensors(async () =>
          expect(await messageOf(reportsOf({ ...options, ...more }))).toBe('broken'),
        );
      tf.dispose([student.weights, network.weights, objective.weights]);
    });
  });

  test('teachers return the same by predictAsync as by a call', async () => {
    await whileCounting(async () => {
      const [one, two] = [linear(INPUTS, 3, 1), tinyCnn(2, 3, 2)];
      const plain: Teacher = ({ images }) => one.forward(images, { training: false });
      for (const teacher of [
        networkTeacher(two),
        ensemble([networkTeacher(one), plain, networkTeacher(two)]),
      ]) {
        for await (const batch of tinySource({ rows: 3 }).iterateOnce()) {
          await expectNoNewTensors(async () => {
            const [now, async] = [teacher(batch), await predict(teacher, batch)];
            expect(Array.from(async.logits.dataSync())).toStrictEqual(
              Array.from(now.logits.dataSync()),
            );
            expect(Object.keys(async.features)).toEqual(Object.keys(now.features));
            tf.dispose(
              [now, async].flatMap(({ logits, features }) => [logits, ...Object.values(features)]),
            );
          });
        }
      }
      tf.dispose([one.weights, two.weights]);
    });
  });
});

describe('a network with an inference form', () => {
  onCpu();

  test('is evaluated in that form by teachers, caches and evaluations, which refresh it first', async () => {
    const { network, counts } = folding(INPUTS, 3, 1);
    const batches = tinySource();
    const teacher = networkTeacher(network);
    expect(counts).toEqual({ folded: 0, refreshed: 0, own: 0 });
    for await (const batch of batches.iterateOnce()) {
      const { logits, features } = teacher(batch);
      expect(Object.keys(features)).toEqual(['folded']);
      tf.dispose([logits, features as Record<string, tf.Tensor>]);
    }
    expect(counts).toEqual({ folded: 4, refreshed: 4, own: 0 });
    await cacheOutputs({ teacher, data: batches, store: memoryStore() });
    expect(counts).toEqual({ folded: 8, refreshed: 8, own: 0 });
    await evaluate(network, batches);
    expect(counts).toEqual({ folded: 12, refreshed: 9, own: 0 });
    network.dispose();
  });

  test('trains by its own forward pass and is validated in that form, refreshed once per epoch', async () => {
    const { network, counts } = folding(INPUTS, 3, 1);
    const batches = tinySource();
    await reportsOf({
      student: network,
      objective: hard(),
      data: batches,
      validation: batches,
      optimizer: sgd(),
      learningRate: 0.1,
      epochs: 2,
    });
    expect(counts).toEqual({ folded: 8, refreshed: 2, own: 1 + 8 });
    network.dispose();
  });
});
