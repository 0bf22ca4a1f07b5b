/** Images without a label, mixed images, and rare classes. */
import type { LossInputs, Network, Objective, ProcessGroup, Teacher } from '@kd/core';
import { memoryStore } from '@kd/files';
import { expectClose, expectNoNewTensors, onEveryEngine } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import {
  cachedBatches,
  cachedTeacher,
  cacheOutputs,
  evaluate,
  networkTeacher,
  sgd,
  type TrainOptions,
} from '../src/index.ts';
import { onCpu } from './helpers/cpu.ts';
import { linear, numbersOf } from './helpers/networks.ts';
import { hard } from './helpers/objectives.ts';
import { messageOf, reportsOf } from './helpers/run.ts';
import { INPUTS, tinySource } from './helpers/source.ts';

/** Every third image has no label, in the middle of the others. */
const some = Array.from({ length: 20 }, (_, row) => (row % 3 === 1 ? -1 : row % 3));
const none = new Array<number>(20).fill(-1);

/** Cross entropy with the targets of mixed images. */
function soft(): Objective<'soft'> {
  const objective = ({ student, targets }: LossInputs) => {
    if (targets === undefined) throw new Error('soft: no targets');
    const cross = tf.sum(tf.mul(targets, tf.logSoftmax(student.logits)), 1);
    const value = tf.neg(tf.mean(cross)) as tf.Scalar;
    return { total: value, terms: { soft: value } };
  };
  return Object.assign(objective, { weights: {}, schedules: {}, needsTeacher: false });
}

/** Cross entropy with the teacher, which reads no label. */
function taughtAlone(): Objective<'soft'> {
  const objective = ({ student, teacher }: LossInputs) => {
    const targets = tf.softmax((teacher as NonNullable<typeof teacher>).logits);
    const cross = tf.sum(tf.mul(targets, tf.logSoftmax(student.logits)), 1);
    const value = tf.neg(tf.mean(cross)) as tf.Scalar;
    return { total: value, terms: { soft: value } };
  };
  return Object.assign(objective, { weights: {}, schedules: {}, needsTeacher: true });
}

const training = (more: Partial<TrainOptions> = {}): TrainOptions => ({
  student: linear(INPUTS, 3, 1),
  objective: hard(),
  data: tinySource({ labels: some }),
  optimizer: sgd(),
  learningRate: 0.1,
  epochs: 2,
  ...more,
});

onEveryEngine(() => {
  test('the targets of mixed images are in the compiled step', async () => {
    const options = training({ objective: soft(), data: tinySource({ mixed: true }), epochs: 20 });
    const reports = await reportsOf(options);
    const losses = reports.map(({ terms }) => terms.soft as number);
    // The entropy of the targets is the least that it can cost.
    const entropy = -0.75 * Math.log(0.75) - 0.25 * Math.log(0.25);
    expect(losses[0]).toBeGreaterThan(losses[19] as number);
    expect(losses[19]).toBeGreaterThan(entropy);
    options.student.dispose();
  });

  test('evaluating leaves out images without a label, and compares with a teacher where none has one', async () => {
    const network = linear(INPUTS, 3, 1);
    const teacher = networkTeacher(linear(INPUTS, 3, 2));
    await expectNoNewTensors(async () => {
      await evaluate(network, tinySource({ labels: some }));
      await evaluate(network, tinySource({ labels: none }), { teacher });
    });
    network.dispose();
  });
});

describe('images without a label', () => {
  onCpu();

  test('are left out of the accuracy of an epoch', async () => {
    // Without an update the accuracy of the epoch is that of the network.
    const options = training({ learningRate: 0, epochs: 1 });
    const [report] = await reportsOf(options);
    const { top1, images, unlabelled } = await evaluate(options.student, options.data);
    expectClose([report?.accuracy ?? -1], [top1], 1e-6);
    expect([images, unlabelled, report?.images]).toEqual([13, 7, 20]);
  });

  test('are left out of the metrics: those of the labelled images alone', async () => {
    const network = linear(INPUTS, 3, 1);
    const whole = tinySource({ labels: Array.from(some, (label) => Math.max(label, 0)) });
    const { confusion } = await evaluate(network, tinySource({ labels: some }));
    expect(confusion.flat().reduce((sum, count) => sum + count, 0)).toBe(13);
    expect((await evaluate(network, whole)).unlabelled).toBeUndefined();
    expect(await messageOf(evaluate(network, tinySource({ labels: none })))).toBe(
      'evaluate: expected images with a label in tiny, got none; pass teacher: its answers then stand in for the labels.',
    );
    const wrong = tinySource({ labels: [0, -2, 1, 2] });
    expect(await messageOf(evaluate(network, wrong))).toBe(
      'evaluate: expected labels from 0 to 2, got -2 for image 1 of tiny.',
    );
  });

  test('a teacher’s answers stand in for the labels, as agreement', async () => {
    const [network, other] = [linear(INPUTS, 3, 1), linear(INPUTS, 3, 2)];
    const data = tinySource({ labels: none });
    const itself = await evaluate(network, data, { teacher: networkTeacher(network) });
    expect([itself.agreement, itself.top1, itself.images]).toEqual([1, 1, 20]);
    const { agreement } = await evaluate(network, data, { teacher: networkTeacher(other) });
    let same = 0;
    for await (const { images } of data.iterateOnce()) {
      const [one, two] = [network, other].map(({ forward }) =>
        tf.argMax(forward(images, { training: false }).logits, 1).dataSync(),
      );
      same += Array.from(one ?? []).filter((label, at) => label === two?.[at]).length;
    }
    expectClose([agreement as number], [same / 20], 1e-9);
  });

  test('a training on them alone is compared with its teacher, and chooses by that', async () => {
    const teacherNetwork = linear(INPUTS, 3, 2);
    const teacher = networkTeacher(teacherNetwork);
    const shared = { objective: taughtAlone(), teacher, data: tinySource({ labels: none }) };
    const reports = await reportsOf(training({ ...shared, epochs: 6, learningRate: 1 }));
    for (const { accuracy, agreement } of reports) {
      expect(accuracy).toBeUndefined();
      expect(agreement).toBeGreaterThanOrEqual(0);
    }
    const values = reports.map(({ agreement }) => agreement as number);
    expect(values.at(-1)).toBeGreaterThan(values[0] as number);
    expect(reports.map(({ isBest }) => isBest)).toEqual(
      values.map((value, at) => values.slice(0, at).every((earlier) => value > earlier)),
    );
    const validation = tinySource({ labels: none, dataSeed: 1 });
    const student = linear(INPUTS, 3, 1);
    const validated = await reportsOf(training({ ...shared, student, validation }));
    const last = validated.at(-1)?.validation;
    expect(last?.agreement).toBe(last?.top1);
    expect(last?.agreement).toBe((await evaluate(student, validation, { teacher })).agreement);
  });

  test('without a teacher the best epoch is that of the least loss', async () => {
    const constant: Objective = Object.assign(
      ({ student }: LossInputs) => {
        const value = tf.mean(tf.square(student.logits)) as tf.Scalar;
        return { total: value, terms: { size: value } };
      },
      { weights: {}, schedules: {}, needsTeacher: false },
    );
    const reports = await reportsOf(
      training({ objective: constant, data: tinySource({ labels: none }), epochs: 3 }),
    );
    expect(reports.map(({ isBest }) => isBest)).toEqual([true, true, true]);
    expect(reports[0]).not.toHaveProperty('accuracy');
    expect(reports[0]).not.toHaveProperty('agreement');
  });

  test('in a group of one process train the same as without a group', async () => {
    const group: ProcessGroup = { rank: 0, size: 1, allReduceSum: (tensor) => tf.clone(tensor) };
    const one = training({ group, data: tinySource({ labels: some, shard: group }) });
    const alone = training();
    const accuracies = async (options: TrainOptions) =>
      (await reportsOf(options)).map(({ accuracy }) => accuracy);
    expect(await accuracies(one)).toEqual(await accuracies(alone));
    expect(numbersOf(one.student.weights)).toEqual(numbersOf(alone.student.weights));
  });
});

describe('refused at the door', () => {
  onCpu();
  const needy = Object.assign(hard(), { needsLabels: ['hard'] });
  const remembering = Object.assign(soft(), { needsIndices: true });
  const undeclared = (labels: readonly number[]) => {
    const { labelledImages: _, ...data } = tinySource({ labels });
    return data;
  };
  const remedy = 'train on the labelled images alone, or with crossEntropy and softTargets.';
  test.each<[string, Partial<TrainOptions>, string]>([
    [
      'a term that needs labels, on data that lack some',
      { objective: needy },
      `train: expected a label for every image of tiny, which hard needs, got 13 of 20; ${remedy}`,
    ],
    [
      'the same where the data loader does not say so',
      { objective: needy, data: undeclared([-1, ...some.slice(1)]) },
      'train: expected one label for every image, which hard needs, got none for image',
    ],
    [
      'a term that needs labels, with mixed images',
      { objective: needy, data: tinySource({ mixed: true }) },
      'train: expected one label for every image, which hard needs, got mixed images; train without mixup and cutmix, or with crossEntropy and softTargets.',
    ],
    [
      'a term that remembers images, with mixed ones',
      { objective: remembering, data: tinySource({ mixed: true }) },
      'train: expected images that are not mixed, since a term of the objective remembers images, got mixed ones; train without mixup and cutmix, or leave the term out.',
    ],
    [
      'a validation without labels or teacher',
      { validation: tinySource({ labels: none }) },
      'train: expected a validation with labels, or a teacher whose answers stand in for them, got tiny without either; leave validation out: the best epoch is then that of the least loss.',
    ],
    [
      'balanced accuracy without a validation',
      { bestBy: 'balancedAccuracy' },
      "train: expected a validation with labels for bestBy 'balancedAccuracy', got none; pass validation: trainValidationSplit of @kd/data makes one.",
    ],
    [
      'accuracy without labels',
      { bestBy: 'accuracy', data: tinySource({ labels: none }) },
      "train: expected labels for bestBy 'accuracy', got none; bestBy 'agreement' compares with the teacher.",
    ],
    [
      'agreement with labels',
      { bestBy: 'agreement' },
      "train: expected a teacher and data without labels for bestBy 'agreement', got none; bestBy 'accuracy' compares with the labels.",
    ],
    [
      'another criterion',
      { bestBy: 'recall' as 'accuracy' },
      "train: expected bestBy 'accuracy', 'balancedAccuracy', 'agreement' or 'loss', got recall.",
    ],
  ])('%s', async (_, more, message) => {
    expect((await messageOf(reportsOf(training(more)))).slice(0, message.length)).toBe(message);
  });
});

describe('rare classes', () => {
  onCpu();
  /** Of every ten images one is of class 1; class 2 does not occur. */
  const labels = Array.from({ length: 20 }, (_, row) => (row % 10 === 9 ? 1 : 0));
  const always = (label: number): Network => ({
    weights: {},
    forward: (images) => ({
      logits: tf.tidy(() =>
        tf.cast(tf.oneHot(tf.fill([images.shape[0]], label, 'int32'), 3), 'float32'),
      ) as tf.Tensor2D,
      features: {},
    }),
    dispose: () => {},
  });

  test('recall by class, and its mean over the classes that occur', async () => {
    const common = await evaluate(always(0), tinySource({ labels }));
    expect(common.recall).toEqual([1, 0, null]);
    expect([common.top1, common.balancedAccuracy]).toEqual([0.9, 0.5]);
    const rare = await evaluate(always(1), tinySource({ labels }));
    expect([rare.top1, rare.balancedAccuracy]).toEqual([0.1, 0.5]);
  });

  test('the best epoch may be chosen by it', async () => {
    const validation = tinySource({ labels, dataSeed: 1 });
    const reports = await reportsOf(
      training({ data: tinySource({ labels }), validation, bestBy: 'balancedAccuracy', epochs: 8 }),
    );
    const values = reports.map((report) => report.validation?.balancedAccuracy as number);
    expect(reports.map(({ isBest }) => isBest)).toEqual(
      values.map((value, at) => values.slice(0, at).every((earlier) => value > earlier)),
    );
    expect(reports[0]?.validation).not.toHaveProperty('recall');
  });
});

describe('caches', () => {
  onCpu();

  test('a cached teacher’s accuracy is that on labelled images, and is checked', async () => {
    const teacher = networkTeacher(linear(INPUTS, 3, 2));
    const fingerprint = await (teacher.fingerprint as NonNullable<Teacher['fingerprint']>)();
    for (const labels of [some, none]) {
      const [store, data] = [memoryStore(), tinySource({ labels })];
      const { accuracy } = await cacheOutputs({ teacher, data, store });
      const expected = labels === none ? 0 : (await evaluate(teacher, data)).top1;
      expectClose(accuracy, [expected], 1e-9);
      const cached = await cachedTeacher({ store, data, teacher: fingerprint });
      expect(await (cached.fingerprint as NonNullable<Teacher['fingerprint']>)()).toBe(fingerprint);
    }
  });

  test('cached batches have the missing labels and the targets of the data', async () => {
    const kernel = tf.tidy(() => tf.variable(tf.ones([2])));
    const backbone = {
      name: 'sums',
      preprocessing: 'none',
      end: 'sum',
      featureNames: [],
      weights: { kernel },
      forward: (images: tf.Tensor4D) => ({ sum: tf.sum(images, [1, 2]) }),
    };
    const [store, data] = [memoryStore(), tinySource({ labels: some, mixed: true })];
    await cacheOutputs({ backbone, data, store });
    await expectNoNewTensors(async () => {
      const cached = await cachedBatches({ backbone, data, store });
      expect(cached.labelledImages).toBe(13);
      const read = async (source: typeof data) => {
        const all: number[][] = [];
        for await (const { labels, targets } of source.epoch(0))
          all.push([...labels.dataSync(), ...(targets?.dataSync() ?? [])]);
        return all;
      };
      expect(await read(cached)).toEqual(await read(data));
    });
    kernel.dispose();
  });
});
