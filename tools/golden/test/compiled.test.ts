/**
 * Compiled and with `KD_COMPILE=off` a training is the same, to rounding: every network, loss and
 * optimizer of the repository, fifty steps each.
 * Only `tensorflow` compiles. Where it is required (`KD_REQUIRE_ENGINES`) golden.test.ts fails
 * without it.
 */
import { foldIn, type Objective, type OptimizerFactory, randomUniform } from '@kd/core';
import { startEngine } from '@kd/engine';
import {
  activationBoundaries,
  combine,
  correlationCongruence,
  crd,
  crossEntropy,
  csKd,
  ctkd,
  dist,
  dkd,
  gradientReversalSchedule,
  hints,
  infoNce,
  klDivergencePerExample,
  logitStandardization,
  logitsMse,
  mlkd,
  nkd,
  ofd,
  otherClassNegatives,
  pkt,
  previousEpochTargets,
  psKd,
  review,
  rkd,
  similarityPreserving,
  softTargets,
  tutorialLoss,
  uskd,
  vid,
  virtualTeacher,
  weighted,
  wsld,
} from '@kd/losses';
import {
  cifarResnet,
  createNetwork,
  dense,
  fromLayersModel,
  globalAveragePool,
  type LayerFactory,
  resnet,
  resnet9,
  simKdStudent,
  studentCnn,
  tutorialCnn,
} from '@kd/models';
import { adam, adamW, mutualLearning, rmsProp, sgd } from '@kd/trainer';
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, test } from 'vitest';
import { expectSameBothWays } from './helpers/bothWays.ts';
import { CLASSES as classes, ROWS } from './helpers/fiftySteps.ts';

const refusal = await startEngine({ engine: 'tensorflow', log: () => {} }).then(
  () => undefined,
  (error: Error) => error.message,
);

/** Half of the values are dropped, others at every step. */
const dropHalf: LayerFactory = (name) => ({
  name,
  weights: {},
  stride: 1,
  apply: (x, { training, seed }) =>
    tf.tidy(() => {
      if (!training || seed === undefined) return tf.clone(x);
      return tf.mul(
        x,
        tf.mul(
          2,
          tf.cast(tf.greaterEqual(randomUniform(x.shape, foldIn(seed, name)), 0.5), 'float32'),
        ),
      );
    }),
});

const networks = {
  tutorialCnn: () => tutorialCnn({ classes, seed: 1 }),
  studentCnn: () => studentCnn({ classes, seed: 1, widths: [4, 8] }),
  'cifarResnet, identity': () => cifarResnet({ classes, seed: 1, depth: 8, width: 0.25 }),
  'cifarResnet, projection': () =>
    cifarResnet({ classes, seed: 1, depth: 8, width: 0.25, shortcut: 'projection' }),
  resnet9: () => resnet9({ classes, seed: 1, width: 1 / 16 }),
  'resnet, basic, stem of CIFAR': () =>
    resnet({
      classes,
      seed: 1,
      depth: { block: 'basic', blocks: [1, 1, 1, 1] },
      stem: 'cifar',
      width: 1 / 16,
    }),
  'resnet, bottleneck, stem of ImageNet': () =>
    resnet({
      classes,
      seed: 1,
      depth: { block: 'bottleneck', blocks: [1, 1, 1, 1] },
      stem: 'imagenet',
      width: 1 / 16,
      prepare: { size: 16 },
    }),
  fromLayersModel: () => {
    const kernelInitializer = layers.initializers.heNormal({ seed: 1 });
    const model = layers.sequential({
      layers: [
        layers.layers.conv2d({
          name: 'conv',
          inputShape: [8, 8, 3],
          filters: 4,
          kernelSize: 3,
          useBias: false,
          padding: 'same',
          kernelInitializer,
        }),
        layers.layers.batchNormalization({ name: 'norm' }),
        layers.layers.reLU({ name: 'relu' }),
        layers.layers.maxPooling2d({ name: 'pool', poolSize: 2 }),
        layers.layers.flatten({ name: 'flat' }),
        layers.layers.dense({ name: 'logits', units: classes, kernelInitializer }),
      ],
    });
    return fromLayersModel(model);
  },
  "with its teacher's classifier": () => {
    const kernel = tf.tensor2d([1, -1, 0, 0, 1, -1, -1, 0, 1, 1, 1, -2], [4, classes]);
    const student = cifarResnet({ classes, seed: 1, depth: 8, width: 0.25 });
    const ended = simKdStudent(student, { tap: 'stage3', classifier: { kernel }, seed: 2 });
    kernel.dispose();
    return ended;
  },
  'with dropout': () =>
    createNetwork({
      name: 'dropping',
      seed: 1,
      layers: {
        drop: dropHalf,
        pool: globalAveragePool(),
        drop2: dropHalf,
        fc: dense({ from: 3, to: classes }),
      },
    }),
};

const taught = () =>
  combine({
    hard: weighted(0.1, crossEntropy()),
    soft: weighted(0.9, softTargets({ temperature: 4 })),
  });

const objectives: Readonly<Record<string, () => Objective>> = {
  crossEntropy: () => combine({ hard: crossEntropy() }),
  'crossEntropy, smoothed over all classes': () =>
    combine({ hard: crossEntropy({ smoothing: 0.1 }) }),
  'crossEntropy, smoothed over the others': () =>
    combine({ hard: crossEntropy({ smoothing: 0.1, spread: 'other classes' }) }),
  softTargets: () => combine({ soft: softTargets() }),
  'softTargets, temperature and weights by schedules': () =>
    combine({
      hard: weighted((progress) => progress, crossEntropy()),
      soft: weighted(
        (progress) => 1 - progress,
        softTargets({ temperature: (progress) => 4 - 3 * progress }),
      ),
    }),
  klDivergence: () =>
    combine({
      kl: Object.assign(
        ({ student, teacher = student }: Parameters<Objective>[0]) =>
          tf.mean(
            klDivergencePerExample(student.logits, teacher.logits, { temperature: 2 }),
          ) as tf.Scalar,
        { needsTeacher: true },
      ),
    }),
  tutorialLoss: () => combine({ loss: tutorialLoss({ temperature: 4, alpha: 0.7 }) }),
  'methods on logits with a teacher': () =>
    combine({
      squares: weighted(0.01, logitsMse()),
      dkd: weighted((progress) => 0.1 * progress, dkd()),
      nkd: weighted(0.1, nkd()),
      dist: dist(),
      standardised: weighted(
        0.1,
        logitStandardization(softTargets({ temperature: (progress) => 2 + progress })),
      ),
      levels: weighted(0.1, mlkd()),
      wsld: weighted(0.1, wsld()),
      past: weighted(0.1, psKd()),
      curriculum: weighted(0.1, ctkd({ reversal: gradientReversalSchedule({ over: 0.5 }) })),
    }),
  'methods on logits without a teacher': () =>
    combine({
      uskd: uskd({
        feature: { name: 'pooled', channels: 8, stride: 0 },
        classes,
        beta: 0.5,
        mu: 0.1,
      }),
      virtual: virtualTeacher(),
      csKd: weighted(0.1, csKd()),
      self: weighted(0.1, previousEpochTargets(psKd(), { datasetSize: ROWS, classes })),
    }),
};

/** Methods with regressors, between a student's pooled feature and the teacher's logits. */
const featureMethods = () => {
  const pair = {
    student: { name: 'pooled', channels: 8, stride: 0 },
    teacher: { name: 'logits', channels: classes, stride: 0 },
  };
  return combine({
    hard: crossEntropy(),
    hints: weighted(0.1, hints(pair, { regressor: { batchNorm: true } })),
    boundaries: activationBoundaries(pair),
    likely: weighted(0.1, vid(pair)),
    overhauled: weighted(0.01, ofd({ ...pair, margin: new Array(classes).fill(-1) })),
    reviewed: weighted((progress) => 0.1 * progress, review(pair)),
  });
};

/** Methods on relations, between the student's pooled feature and the teacher's logits. */
const related = () => {
  const pair = { student: 'pooled', teacher: 'logits' };
  return combine({
    hard: crossEntropy(),
    distances: weighted(0.1, rkd(pair)),
    similar: similarityPreserving(pair),
    neighbors: weighted(100, pkt(pair)),
    kernel: correlationCongruence(pair, { kernel: {} }),
  });
};

/** Contrastive methods; the class of an image is its index modulo 3. */
const contrasting = () => {
  const pair = {
    student: { name: 'pooled', channels: 8, stride: 0 },
    teacher: { name: 'logits', channels: classes, stride: 0 },
    embedding: 4,
  };
  const labels = Array.from({ length: ROWS }, (_, row) => row % classes);
  return combine({
    hard: crossEntropy(),
    inBatch: weighted(0.1, infoNce({ ...pair, direction: 'both ways' })),
    drawn: weighted(
      0.1,
      crd({ ...pair, datasetSize: ROWS, negatives: 7, sampler: otherClassNegatives(labels) }),
    ),
    drawnOfAll: weighted(0.1, crd({ ...pair, datasetSize: ROWS, negatives: 7, seed: 1 })),
  });
};

const optimizers: Readonly<Record<string, [OptimizerFactory, number]>> = {
  sgd: [sgd({ weightDecay: 1e-3 }), 0.05],
  'sgd, momentum and dampening': [sgd({ momentum: 0.9, dampening: 0.1 }), 0.02],
  'sgd, Nesterov': [sgd({ momentum: 0.9, nesterov: true, weightDecay: 5e-4 }), 0.02],
  adam: [adam(), 2e-3],
  'adam, amsgrad': [adam({ amsgrad: true, weightDecay: 1e-3 }), 2e-3],
  adamW: [adamW(), 2e-3],
  rmsProp: [rmsProp({ alpha: 0.9 }), 2e-3],
  'rmsProp, centered, momentum': [rmsProp({ alpha: 0.9, centered: true, momentum: 0.5 }), 1e-3],
};

describe.skipIf(refusal !== undefined)('fifty steps, compiled and not, are the same', () => {
  beforeAll(() => startEngine({ engine: 'tensorflow', log: () => {} }));
  afterEach(() => {
    delete process.env.KD_COMPILE;
  });

  test.each(Object.entries(networks))('of %s', async (name, student) => {
    const size = name.includes('ImageNet') ? 32 : 8;
    await expectSameBothWays(
      () => ({ student: student(), objective: taught(), optimizer: sgd({ momentum: 0.9 }) }),
      size,
    );
  });

  test.each(Object.entries(objectives))('with %s', async (_, objective) => {
    await expectSameBothWays(() => ({
      student: networks.studentCnn(),
      objective: objective(),
      optimizer: sgd({ momentum: 0.9 }),
    }));
  });

  test('with feature methods and their regressors', async () => {
    await expectSameBothWays(() => ({
      student: networks.studentCnn(),
      objective: featureMethods(),
      optimizer: sgd(),
    }));
  });

  test('with methods on relations', async () => {
    await expectSameBothWays(() => ({
      student: networks.studentCnn(),
      objective: related(),
      optimizer: sgd(),
    }));
  });

  test('with contrastive methods and their memory banks', async () => {
    await expectSameBothWays(() => ({
      student: networks.studentCnn(),
      objective: contrasting(),
      optimizer: sgd(),
    }));
  });

  test('of two students that teach each other', async () => {
    const peers = () => combine({ hard: crossEntropy(), peers: softTargets({ temperature: 1 }) });
    await expectSameBothWays(() => ({
      ...mutualLearning([networks.studentCnn(), networks['with dropout']()], peers()),
      optimizer: sgd(),
    }));
  });

  test.each(Object.entries(optimizers))('by %s', async (_, [optimizer, learningRate]) => {
    const more = { clipNorm: 1, ema: { decay: 0.9, warmup: true } };
    await expectSameBothWays(() => ({
      student: networks.studentCnn(),
      objective: taught(),
      optimizer,
      learningRate,
      more,
    }));
  });
});
