import type { LossInputs, Network, Objective } from '@kd/core';
import { memoryStore } from '@kd/files';
import { expectClose, expectNoNewTensors } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import {
  bornAgain,
  evaluate,
  type GenerationOptions,
  type GenerationReport,
  mutualLearning,
  networkTeacher,
  peerGroup,
  sgd,
  TrainingInterruptedError,
  teacherAssistants,
  train,
} from '../src/index.ts';
import { onCpu } from './helpers/cpu.ts';
import { dropping, linear, numbersOf, tinyCnn } from './helpers/networks.ts';
import { hard, taught } from './helpers/objectives.ts';
import { reportsOf } from './helpers/run.ts';
import { INPUTS, tinySource } from './helpers/source.ts';

onCpu();

/** What all trainings here share, and the objectives that were made for them. */
function setting() {
  const objectives: ReturnType<typeof taught>[] = [];
  const teacher = tinyCnn(2, 3, 7);
  const options: GenerationOptions = {
    teacher,
    objective: () => {
      const made = taught(() => 1);
      objectives.push(made);
      return made;
    },
    data: tinySource(),
    optimizer: sgd({ momentum: 0.9 }),
    learningRate: 0.1,
    epochs: 2,
  };
  const end = (...students: readonly Network[]) =>
    tf.dispose([
      teacher.weights,
      objectives.map(({ weights }) => weights),
      students.map(({ weights }) => weights),
    ]);
  return { options, teacher, objectives, end };
}

const pair = (): [Network, Network] => [tinyCnn(2, 3, 1), linear(INPUTS, 3, 2)];

async function allOf(reports: AsyncIterable<GenerationReport>): Promise<GenerationReport[]> {
  const all: GenerationReport[] = [];
  for await (const report of reports) all.push(report);
  return all;
}

/** The same by hand: each `train`ed with the one before as its teacher. */
async function byHand(students: readonly Network[]) {
  const { options, teacher, end } = setting();
  let before = teacher;
  for (const [generation, student] of students.entries()) {
    const { store: _, ...shared } = options;
    await reportsOf({
      ...shared,
      student,
      teacher: networkTeacher(before),
      objective: options.objective(generation),
    });
    before = student;
  }
  const weights = students.map((student) => numbersOf(student.weights));
  end(...students);
  return weights;
}

describe('teacherAssistants', () => {
  test('distils the teacher into the assistant, then the assistant into the student', async () => {
    const { options, objectives, end } = setting();
    const students = pair();
    const reports = await allOf(teacherAssistants({ ...options, students }));
    expect(
      reports.map(({ generation, epoch, student }) => [generation, epoch, student.name]),
    ).toEqual([
      [0, 1, 'tinyCnn'],
      [0, 2, 'tinyCnn'],
      [1, 1, 'linear'],
      [1, 2, 'linear'],
    ]);
    expect(objectives).toHaveLength(2);
    expect(students.map(({ weights }) => numbersOf(weights))).toEqual(await byHand(pair()));
    end(...students);
  });
  test('a teacher may be a function of batches', async () => {
    const { options, teacher, end } = setting();
    const students = pair();
    await allOf(teacherAssistants({ ...options, teacher: networkTeacher(teacher), students }));
    expect(numbersOf(students[1].weights)).toEqual((await byHand(pair()))[1]);
    end(...students);
  });
  test('stopped in its second generation continues there, to the last bit', async () => {
    const stores = [memoryStore(), memoryStore()];
    const store = (generation: number) => stores[generation] as (typeof stores)[number];
    const first = setting();
    const [stopped, controller] = [pair(), new AbortController()];
    let steps = 0;
    const onStep = () => {
      steps += 1;
      if (steps === 11) controller.abort();
    };
    await expect(
      allOf(
        teacherAssistants({
          ...first.options,
          students: stopped,
          store,
          signal: controller.signal,
          onStep,
        }),
      ),
    ).rejects.toThrow(TrainingInterruptedError);
    first.end(...stopped);

    const second = setting();
    const resumed = pair();
    const reports = await allOf(
      teacherAssistants({ ...second.options, students: resumed, store, resume: true }),
    );
    expect(reports.map(({ generation, epoch }) => [generation, epoch])).toEqual([
      [1, 1],
      [1, 2],
    ]);
    expect(resumed.map(({ weights }) => numbersOf(weights))).toEqual(await byHand(pair()));
    second.end(...resumed);
  });
  test('leaves no tensors behind, and needs a student', async () => {
    const { options, end } = setting();
    const students = pair();
    const objective = taught(() => 1);
    await expectNoNewTensors(async () => {
      await allOf(teacherAssistants({ ...options, objective: () => objective, students }));
    });
    tf.dispose(objective.weights);
    await expect(allOf(teacherAssistants({ ...options, students: [] }))).rejects.toThrow(
      new RangeError('teacherAssistants: expected at least one student, got 0.'),
    );
    end(...students);
  });
});

describe('bornAgain', () => {
  test('each generation is created when its training begins and is distilled from the one before', async () => {
    const { options, end } = setting();
    const made: number[] = [];
    const student = (generation: number) => {
      made.push(generation);
      return linear(INPUTS, 3, 10 + generation);
    };
    const seen: string[] = [];
    const students: Network[] = [];
    for await (const report of bornAgain({ ...options, generations: 3, student })) {
      seen.push(`${report.generation} of ${made.length}`);
      if (report.epoch === 2) students.push(report.student);
    }
    expect(seen).toEqual(['0 of 1', '0 of 1', '1 of 2', '1 of 2', '2 of 3', '2 of 3']);
    const expected = await byHand([10, 11, 12].map((seed) => linear(INPUTS, 3, seed)));
    for (const [at, { weights }] of students.entries())
      expectClose(weights.kernel?.dataSync() ?? [], expected[at]?.kernel ?? [], 1e-9);
    end(...students);
  });
  test('needs a generation', async () => {
    const { options, end } = setting();
    await expect(
      allOf(bornAgain({ ...options, generations: 0, student: () => linear(INPUTS, 3, 1) })),
    ).rejects.toThrow(new RangeError('bornAgain: expected at least one student, got 0.'));
    end();
  });
});

/**
 * Squared distance of a student's logits from its peer's, times `numbers.weight`; the peer is not
 * differentiated.
 */
function near(weight: number): Objective<'hard' | 'peer'> {
  const constant = tf.customGrad((x) => ({
    value: tf.clone(x as tf.Tensor),
    gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy),
  }));
  const plain = hard();
  const objective = (step: LossInputs) =>
    tf.tidy(() => {
      const { total: one } = plain(step);
      const peer = constant(step.teacher?.logits as tf.Tensor2D);
      const distance = tf.mul(
        tf.mean(tf.square(tf.sub(step.student.logits, peer))),
        step.scheduledValues.weight as tf.Scalar,
      ) as tf.Scalar;
      return { total: tf.add(one, distance) as tf.Scalar, terms: { hard: one, peer: distance } };
    });
  return Object.assign(objective, {
    weights: {},
    schedules: { weight: () => weight },
    needsTeacher: true,
  });
}

const options = {
  data: tinySource(),
  optimizer: sgd({ momentum: 0.9 }),
  learningRate: 0.1,
  epochs: 2,
};
const students = (count = 2): Network[] =>
  Array.from({ length: count }, (_, at) => linear(INPUTS, 3, at));
const disposeAll = (all: readonly Network[]) => tf.dispose(all.map(({ weights }) => weights));

/** Mean squared distance between what two say of the pictures. */
async function distance(one: Network, other: Network): Promise<number> {
  const said: number[][] = [[], []];
  for (const [at, network] of [one, other].entries())
    await evaluate(network, tinySource(), { onLogits: (logits) => said[at]?.push(...logits) });
  return (said[0] as number[]).reduce(
    (sum, logit, at) => sum + (logit - (said[1]?.[at] as number)) ** 2,
    0,
  );
}

describe('mutualLearning', () => {
  test('without a peer loss each student learns as it does alone', async () => {
    const [together, alone] = [students(), students()];
    await reportsOf({ ...options, ...mutualLearning(together, hard()) });
    for (const student of alone) await reportsOf({ ...options, student, objective: hard() });
    for (const [at, student] of alone.entries()) {
      for (const [name, numbers] of Object.entries(numbersOf(student.weights)))
        expectClose(numbersOf(together[at]?.weights ?? {})[name] ?? [], numbers, 1e-5);
    }
    disposeAll([...together, ...alone]);
  });
  test('one step updates all at once, each towards the mean of its peers before the step', async () => {
    const [all, rate] = [students(3), 0.1];
    const batches = tinySource({ rows: 4, batchSize: 4 });
    const expected: tf.Tensor[] = [];
    for await (const { images, labels } of batches.epoch(0)) {
      const logits = all.map((student) => student.forward(images, { training: true }).logits);
      for (const [at, { weights, forward }] of all.entries()) {
        const kernel = weights.kernel as tf.Variable;
        const loss = () => {
          const own = forward(images, { training: true }).logits;
          const truth = tf.oneHot(labels, 3);
          const cross = tf.neg(tf.mean(tf.sum(tf.mul(truth, tf.logSoftmax(own)), 1)));
          const peers = logits
            .filter((_, other) => other !== at)
            .map((peer) => tf.mul(tf.mean(tf.square(tf.sub(own, peer))), 0.7 / 2));
          return tf.addN([cross, ...peers]) as tf.Scalar;
        };
        const { grads } = tf.variableGrads(loss, [kernel]);
        expected.push(tf.sub(kernel, tf.mul(grads[kernel.name] as tf.Tensor, rate)));
      }
    }
    await reportsOf({
      ...mutualLearning(all, near(0.7)),
      data: batches,
      optimizer: sgd(),
      learningRate: rate,
      epochs: 1,
    });
    for (const [at, { weights }] of all.entries())
      expectClose(weights.kernel?.dataSync() ?? [], (expected[at] as tf.Tensor).dataSync(), 1e-5);
    disposeAll(all);
    tf.dispose(expected);
  });
  test('students with a peer loss come nearer to each other, of any architectures', async () => {
    const make = (): [Network, Network] => [tinyCnn(2, 3, 1), linear(INPUTS, 3, 2)];
    const [listening, deaf] = [make(), make()];
    const reports = await reportsOf({
      ...options,
      epochs: 4,
      ...mutualLearning(listening, near(1)),
    });
    await reportsOf({ ...options, epochs: 4, ...mutualLearning(deaf, near(0)) });
    expect(await distance(...listening)).toBeLessThan(0.5 * (await distance(...deaf)));
    const terms = reports[0]?.terms ?? {};
    expect(Object.keys(terms)).toEqual(['0.hard', '0.peer', '1.hard', '1.peer', 'total']);
    const { total = 0, ...each } = terms;
    expect(Object.values(each).reduce((sum, value) => sum + value, 0)).toBeCloseTo(total, 5);
    disposeAll([...listening, ...deaf]);
  });
  test('a peer group has the outputs of its students, the mean of their logits, and weights and features named by student', () =>
    tf.tidy(() => {
      const all = [linear(INPUTS, 3, 1), tinyCnn(2, 3, 2)];
      const { student } = mutualLearning(all, hard());
      const images = tf.ones<tf.Rank.R4>([2, 4, 4, 2]);
      const [first, second] = all.map((one) =>
        one.forward(images, { training: false }).logits.dataSync(),
      ) as [Float32Array, Float32Array];
      const { logits, features } = student.forward(images, { training: false });
      expectClose(
        logits.dataSync(),
        first.map((logit, at) => (logit + (second[at] as number)) / 2),
        1e-6,
      );
      expect(Object.keys(features)).toEqual(['0.logits', '1.map', '1.logits']);
      expect(Object.keys(student.weights)).toContain('1.dense.kernel');
      student.dispose();
    }));
  test('a peer group may output the logits of its first student, whose accuracy the validation then measures', async () => {
    const all = students();
    const reports = await reportsOf({
      ...options,
      validation: tinySource(),
      ...mutualLearning(all, hard(), { output: 'first' }),
    });
    const { top1, loss } = await evaluate(all[0] as Network, tinySource());
    expect(reports.at(-1)?.validation).toMatchObject({ top1, loss });
    expect(numbersOf(peerGroup(all).weights)).toEqual(
      numbersOf(mutualLearning(all, hard()).student.weights),
    );
    expect(() =>
      peerGroup(all, { output: 'last' as 'first' }).forward(tf.zeros([1, 4, 4, 2]), {
        training: false,
      }),
    ).toThrow("peerGroup: expected output 'mean' or 'first', got last.");
    disposeAll(all);
  });
  test('each student has its own random numbers', async () => {
    const seeds: string[][] = [[], []];
    const all = [0, 1].map((at) => dropping(INPUTS, 3, 1, (seed) => seeds[at]?.push(seed.join())));
    await reportsOf({ ...options, epochs: 1, ...mutualLearning(all, hard()) });
    expect(seeds[0]).toHaveLength(4);
    expect(seeds[0]?.some((seed) => seeds[1]?.includes(seed))).toBe(false);
    disposeAll(all);
  });
  test('leaves no tensors behind', async () => {
    const all = students();
    await expectNoNewTensors(async () => {
      for await (const _ of train({ ...options, ...mutualLearning(all, near(1)) }));
    });
    disposeAll(all);
  });
  test('one student alone and students of other classes are refused', async () => {
    expect(() => mutualLearning([], hard())).toThrow(
      new RangeError(
        'mutualLearning: expected two students or more, got 0; one has no peers: distill it from a teacher.',
      ),
    );
    const all = [linear(INPUTS, 3, 1), linear(INPUTS, 4, 1)];
    await expect(reportsOf({ ...options, ...mutualLearning(all, hard()) })).rejects.toThrow(
      'peerGroup: expected students with the same number of classes, got [3, 4].',
    );
    disposeAll(all);
  });
});
