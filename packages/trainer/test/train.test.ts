import { cosine, type LossInputs, type Network, type Objective, type ProcessGroup } from '@kd/core';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test, vi } from 'vitest';
import { adam, evaluate, networkTeacher, type StepReport, sgd, train } from '../src/index.ts';
import { onCpu } from './helpers/cpu.ts';
import { linear, numbersOf, tinyCnn } from './helpers/networks.ts';
import { hard, taught } from './helpers/objectives.ts';
import { messageOf, reportsOf } from './helpers/run.ts';
import { INPUTS, tinySource } from './helpers/source.ts';

onEveryEngine(() => {
  test('a student learns under a teacher, and nothing is left behind', async () => {
    const [teacher, student, objective] = [tinyCnn(2, 3, 1), tinyCnn(2, 3, 2), taught(() => 0.5)];
    const batches = tinySource();
    const teacherBefore = numbersOf(teacher.weights);
    await expectNoNewTensors(async () => {
      const options = {
        student,
        objective,
        teacher: networkTeacher(teacher),
        data: batches,
        optimizer: adam(),
        learningRate: cosine({ from: 0.05 }),
        epochs: 8,
      };
      const reports = await reportsOf({ ...options, clipNorm: 1, ema: 0.5, validation: batches });
      const [first, last] = [reports[0], reports[7]];
      expect(reports.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      expect(Object.keys(first?.terms ?? {})).toEqual(['hard', 'soft', 'total']);
      for (const { terms } of reports)
        expectClose(
          [(terms.hard as number) + (terms.soft as number)],
          [terms.total as number],
          1e-5,
        );
      expect(last?.terms.total).toBeLessThan(0.8 * (first?.terms.total as number));
      expect(last?.validation?.top1).toBeGreaterThan(0.6);
      expect(first?.gradientNorm).toBeGreaterThan(0);
    });
    expect(numbersOf(teacher.weights)).toStrictEqual(teacherBefore);
    expect(numbersOf(objective.weights)['soft.scale']).not.toEqual([1]);
    objective.dispose();
    teacher.dispose();
    student.dispose();
  });

  test('one step of plain gradient descent changes weights by the gradient', async () => {
    const student = linear(INPUTS, 3, 1);
    const batches = tinySource({ rows: 5, batchSize: 5 });
    const before = numbersOf(student.weights);
    const gradient = await gradientOf(student);
    const [report] = await reportsOf({
      student,
      objective: hard(),
      data: batches,
      optimizer: sgd(),
      learningRate: 0.5,
      epochs: 1,
    });
    for (const [name, values] of Object.entries(numbersOf(student.weights))) {
      const expected = (before[name] as number[]).map(
        (value, at) => value - 0.5 * (gradient.grads[name]?.[at] as number),
      );
      expectClose(values, expected, 1e-5);
    }
    expectClose([report?.terms.hard as number], [gradient.loss], 1e-5);
    student.dispose();
  });

  test('a term that needs indices gets those of each batch, and the validation of the step does not change it', async () => {
    const [student, objective] = [linear(INPUTS, 3, 1), countingObjective(25)];
    const batches = tinySource({ firstRow: 5 });
    await reportsOf({
      student,
      objective,
      data: batches,
      optimizer: sgd(),
      learningRate: 0.1,
      epochs: 2,
    });
    expect(Array.from(objective.weights.counts?.dataSync() ?? [])).toEqual([
      ...new Array(5).fill(0),
      ...new Array(20).fill(2),
    ]);
    expect(objective.weights.seed?.dataSync().some((word) => word !== 0)).toBe(true);
    tf.dispose([student.weights, objective.weights]);
  });
  test('a term that needs indices is refused in a group', async () => {
    const [student, objective] = [linear(INPUTS, 3, 1), countingObjective(20)];
    const group: ProcessGroup = {
      rank: 0,
      size: 1,
      allReduceSum: (tensor) => tf.clone(tensor) as typeof tensor,
    };
    const options = {
      student,
      objective,
      data: tinySource({ shard: group }),
      group,
      optimizer: sgd(),
      learningRate: 0.1,
      epochs: 1,
    };
    expect(await messageOf(reportsOf(options))).toBe(
      'train: expected an objective without a memory of images in a group, got one; train in one process, or use a term without a memory: infoNce in place of crd.',
    );
    tf.dispose([student.weights, objective.weights]);
  });
});

/** Cross entropy that counts how often it sees each image and keeps the seed of the last step. */
function countingObjective(images: number): Objective {
  const [counts, seed] = tf.tidy(
    () =>
      [tf.variable(tf.zeros([images]), false), tf.variable(tf.zeros([2], 'int32'), false)] as const,
  );
  const plain = hard();
  const objective = (step: LossInputs) =>
    tf.tidy(() => {
      if (step.indices === undefined || step.seed === undefined)
        throw new Error('no indices or no seed');
      counts.assign(tf.add(counts, tf.sum(tf.cast(tf.oneHot(step.indices, images), 'float32'), 0)));
      seed.assign(tf.clone(step.seed));
      return plain(step);
    });
  return Object.assign(objective, {
    weights: { counts, seed },
    schedules: {},
    needsTeacher: false,
    needsIndices: true,
  });
}

/** Loss and gradients of a data set of five images, by variableGrads. */
async function gradientOf(
  student: Network,
): Promise<{ loss: number; grads: Record<string, number[]> }> {
  for await (const { images, labels } of tinySource({ rows: 5, batchSize: 5 }).iterateOnce()) {
    return tf.tidy(() => {
      const { value, grads } = tf.variableGrads(
        () =>
          hard()({
            labels,
            student: student.forward(images, { training: true }),
            scheduledValues: {},
          }).total,
      );
      const named = Object.entries(student.weights).map(
        ([name, { name: key }]) =>
          [name, Array.from((grads[key] as tf.Tensor).dataSync())] as const,
      );
      return { loss: value.dataSync()[0] as number, grads: Object.fromEntries(named) };
    });
  }
  throw new Error('no batch');
}

describe('train', () => {
  onCpu();
  const options = (student: Network) => ({
    student,
    objective: hard(),
    data: tinySource(),
    optimizer: sgd({ momentum: 0.9 }),
    learningRate: 0.1,
    epochs: 2,
  });

  test('moves exactly the weights of student and objective that train, however many variables there are', async () => {
    const [student, bystander] = [linear(INPUTS, 3, 1), linear(INPUTS, 3, 2)];
    const bias = student.weights.bias as tf.Variable;
    bias.trainable = false;
    const [others, own] = [numbersOf(bystander.weights), numbersOf(student.weights)];
    await reportsOf(options(student));
    expect(numbersOf(bystander.weights)).toStrictEqual(others);
    expect(numbersOf(student.weights).bias).toStrictEqual(own.bias);
    expect(numbersOf(student.weights).kernel).not.toEqual(own.kernel);
    student.dispose();
    bystander.dispose();
  });

  test('makes one optimizer for the whole run', async () => {
    const student = linear(INPUTS, 3, 1);
    let made = 0;
    const optimizer = (weights: Network['weights']) => {
      made += 1;
      return sgd({ momentum: 0.9 })(weights);
    };
    await reportsOf({ ...options(student), optimizer, epochs: 3 });
    expect(made).toBe(1);
    student.dispose();
  });

  test('keeps as many tensors after a hundred steps as after two', async () => {
    const student = tinyCnn(2, 3, 1);
    const seen: number[] = [];
    const onStep = () => seen.push(tf.memory().numTensors);
    await reportsOf({
      ...options(student),
      optimizer: adam(),
      ema: 0.9,
      clipNorm: 1,
      epochs: 25,
      onStep,
    });
    expect(seen).toHaveLength(100);
    expect(new Set(seen.slice(1)).size).toBe(1);
    student.dispose();
  });

  test('reads nothing back in a step, and the metrics now and then', async () => {
    const student = tinyCnn(2, 3, 1);
    const [synchronous, asynchronous] = [
      vi.spyOn(tf.Tensor.prototype, 'dataSync'),
      vi.spyOn(tf.Tensor.prototype, 'data'),
    ];
    let before = 0;
    let steps = 0;
    const onStep = () => {
      // Two reads (sums, first broken steps) at the first step; later ones by the clock.
      steps += asynchronous.mock.calls.length === before ? 1 : 0;
      before = asynchronous.mock.calls.length;
    };
    await reportsOf({
      ...options(student),
      optimizer: adam(),
      ema: 0.9,
      clipNorm: 1,
      epochs: 1,
      data: tinySource({ batchSize: 1 }),
      onStep,
    });
    expect(synchronous).not.toHaveBeenCalled();
    expect(steps).toBeGreaterThan(10);
    vi.restoreAllMocks();
    student.dispose();
  });

  test('evaluates the learning rate and the schedules of the objective at k / n in step k of n', async () => {
    const student = linear(INPUTS, 3, 1);
    const asked: number[] = [];
    const steps: StepReport[] = [];
    const weight = (progress: number) => {
      asked.push(progress);
      return 1;
    };
    const objective = taught(weight);
    const onStep = (step: StepReport) => steps.push(step);
    const learningRate = (progress: number) => 1 - progress;
    await reportsOf({
      ...options(student),
      objective,
      teacher: networkTeacher(student),
      learningRate,
      onStep,
    });
    expect(asked).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((step) => step / 8));
    expect(steps.map((step) => step.learningRate)).toEqual(asked.map((progress) => 1 - progress));
    expect(steps.map(({ epoch, step, images }) => [epoch, step, images]).slice(2, 6)).toEqual([
      [1, 3, 18],
      [1, 4, 20],
      [2, 1, 6],
      [2, 2, 12],
    ]);
    expect(steps[0]?.loss).toBeGreaterThan(0);
    objective.dispose();
    student.dispose();
  });

  test('holds the averaged weights whenever the caller has control', async () => {
    const [student, twin] = [linear(INPUTS, 3, 1), linear(INPUTS, 3, 1)];
    const validation = tinySource();
    for await (const { validation: scores } of train({
      ...options(student),
      ema: 0.8,
      validation,
    })) {
      expect((await evaluate(student, validation)).loss).toBe(scores?.loss);
    }
    await reportsOf(options(twin));
    expect(numbersOf(student.weights).kernel).not.toEqual(numbersOf(twin.weights).kernel);
    student.dispose();
    twin.dispose();
  });

  test('averaging does not change the training', async () => {
    const [student, twin] = [tinyCnn(2, 3, 1), tinyCnn(2, 3, 1)];
    const with_ = await reportsOf({ ...options(student), ema: { decay: 0.9, warmup: true } });
    const without = await reportsOf(options(twin));
    expect(with_.map(({ terms }) => terms)).toStrictEqual(without.map(({ terms }) => terms));
    student.dispose();
    twin.dispose();
  });

  test('a small clip norm makes small steps', async () => {
    const student = linear(INPUTS, 3, 1);
    const before = numbersOf(student.weights);
    const batches = tinySource({ rows: 5, batchSize: 5 });
    const [report] = await reportsOf({
      ...options(student),
      data: batches,
      optimizer: sgd(),
      learningRate: 1,
      clipNorm: 1e-3,
      epochs: 1,
    });
    const moved = Object.entries(numbersOf(student.weights)).flatMap(([name, values]) =>
      values.map((value, at) => value - (before[name]?.[at] as number)),
    );
    expectClose([Math.hypot(...moved)], [1e-3], 1e-2);
    expect(report?.gradientNorm).toBeGreaterThan(1e-2);
    student.dispose();
  });

  test('stops after `patience` epochs that are not better', async () => {
    const student = linear(INPUTS, 3, 1);
    const reports = await reportsOf({
      ...options(student),
      learningRate: 0,
      epochs: 10,
      patience: 3,
      validation: tinySource(),
    });
    expect(reports.map(({ isBest }) => isBest)).toEqual([true, false, false, false]);
    student.dispose();
  });

  test('refuses options that make no sense', async () => {
    const student = linear(INPUTS, 3, 1);
    const refused = (more: object) => messageOf(reportsOf({ ...options(student), ...more }));
    expect(await refused({ epochs: 0 })).toBe(
      'train: expected epochs to be a whole number ≥ 1, got 0.',
    );
    expect(await refused({ clipNorm: 0 })).toBe('train: expected clipNorm > 0, got 0; 1 is usual.');
    expect(await refused({ resume: true })).toBe(
      'train: expected a store to resume from, got nothing; pass store: directoryStore(directory).',
    );
    expect(await refused({ learningRate: Number.NaN })).toContain('got NaN');
    const objective = taught(() => 1);
    expect(await refused({ objective })).toBe(
      'train: expected a teacher, which the objective needs, got nothing; pass teacher: networkTeacher(network), or an objective without its terms.',
    );
    expect(await refused({ data: tinySource({ classes: 4 }) })).toBe(
      'train: expected a student with a logit for each of the 4 classes, got logits of shape [6, 3].',
    );
    objective.dispose();
    student.dispose();
  });

  test('names the term that breaks, its epoch and step', async () => {
    const student = linear(INPUTS, 3, 1);
    const objective = taught((progress) => (progress >= 5 / 8 ? Number.NaN : 1));
    const message = await messageOf(
      reportsOf({ ...options(student), objective, teacher: networkTeacher(student) }),
    );
    expect(message).toBe(
      'train: expected every loss term to stay finite, got soft = NaN at epoch 2, step 2; lower the learning rate or clip gradients (clipNorm: 1).',
    );
    objective.dispose();
    student.dispose();
  });

  test('weights that break in the last update are an error too', async () => {
    const student = linear(INPUTS, 3, 1);
    const batches = tinySource({ rows: 5, batchSize: 5 });
    const message = await messageOf(
      reportsOf({
        ...options(student),
        data: batches,
        learningRate: 3e38,
        optimizer: sgd({ weightDecay: 1e3 }),
        epochs: 1,
      }),
    );
    expect(message).toMatch(
      /^train: expected every weight to stay finite, got -?(Infinity|NaN) in student\.kernel at epoch 1; lower the learning rate or clip/,
    );
    student.dispose();
  });
});
