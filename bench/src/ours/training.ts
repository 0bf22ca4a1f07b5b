import { createObjective, findMethod, type MethodName } from '@kd/cli';
import {
  type Batch,
  ensure,
  fingerprint,
  type Network,
  type Objective,
  type OptimizerFactory,
  type Teacher,
} from '@kd/core';
import { dataLoader } from '@kd/data';
import { memoryStore } from '@kd/files';
import { combine, crossEntropy, softTargets, weighted } from '@kd/losses';
import { cifarResnet, profile, splitBackbone, tutorialCnn } from '@kd/models';
import {
  adam,
  cachedTeacher,
  cacheOutputs,
  createTrainState,
  networkTeacher,
  sgd,
  trainStep,
} from '@kd/trainer';
import * as tf from '@tensorflow/tfjs-core';
import type { StepOptions } from '../protocol.ts';
import { tutorialTeacher } from './inference.ts';
import {
  CLASSES,
  countUp,
  fixedBatch,
  randomDataset,
  randomMatrix,
  type Workload,
} from './workload.ts';

/** Forward, and backward twice as much: the usual count. */
const PASSES = 3;

/** Soft targets at temperature 4 (0.9) and cross entropy (0.1), Adam, constant teacher logits. */
export function distillationStep(
  student: Network,
  { batch: count, size }: StepOptions,
): Promise<Workload> {
  const objective = combine({
    hard: weighted(0.1, crossEntropy()),
    soft: weighted(0.9, softTargets({ temperature: 4 })),
  });
  const logits = randomMatrix('scores', count, CLASSES);
  const teacher = () => ({ logits: tf.clone(logits), features: {} });
  return trainingWorkload(
    { student, objective, optimizer: adam(), learningRate: 1e-3, teacher },
    fixedBatch(count, size),
  );
}

/** Cross entropy, SGD at 0.1 with momentum 0.9 and weight decay 5e-4. */
export function classificationStep(
  student: Network,
  { batch: count, size }: StepOptions,
): Promise<Workload> {
  const objective = combine({ hard: crossEntropy() });
  const optimizer = sgd({ momentum: 0.9, weightDecay: 5e-4 });
  return trainingWorkload(
    { student, objective, optimizer, learningRate: 0.1 },
    fixedBatch(count, size),
  );
}

/** The tutorial's new head, trained on the features of the backbone. */
export function tutorialHeadStep({ batch }: StepOptions): Promise<Workload> {
  const { head } = splitBackbone(tutorialTeacher());
  const features: Batch = {
    ...fixedBatch(batch, 1),
    images: tf.randomUniform<tf.Rank.R4>([batch, 1, 1, 2048], 0, 1, 'float32', 0),
  };
  return trainingWorkload(
    {
      student: head,
      objective: combine({ hard: crossEntropy() }),
      optimizer: adam(),
      learningRate: 1e-3,
    },
    features,
  );
}

/** The tutorial's step with a cached teacher, whose logits are looked up at each step. */
export async function cachedTeacherStep(options: StepOptions): Promise<Workload> {
  const data = openDataset(options);
  const network = tutorialCnn({ classes: CLASSES, seed: 1 });
  const store = memoryStore();
  await cacheOutputs({ teacher: networkTeacher(network), data, store });
  const teacher = await cachedTeacher({ store, data, teacher: await fingerprint(network) });
  const objective = combine({
    hard: weighted(0.1, crossEntropy()),
    soft: weighted(0.9, softTargets()),
  });
  return trainingWorkload(
    { ...tutorialStudent(), objective, teacher },
    await firstBatch(data.iterateOnce()),
  );
}

/** The same step with cross entropy alone. */
export async function noTeacherStep(options: StepOptions): Promise<Workload> {
  const objective = combine({ hard: crossEntropy() });
  return trainingWorkload(
    { ...tutorialStudent(), objective },
    await firstBatch(openDataset(options).iterateOnce()),
  );
}

function tutorialStudent() {
  return {
    student: tutorialCnn({ classes: CLASSES, seed: 0 }),
    optimizer: adam(),
    learningRate: 1e-3,
  };
}

function openDataset({ batch: batchSize, size }: StepOptions) {
  return dataLoader(randomDataset(batchSize, size), { batchSize });
}

/** The first batch of a pass; it lives until the next one is requested. */
async function firstBatch(pass: AsyncIterable<Batch>): Promise<Batch> {
  const { value, done } = await pass[Symbol.asyncIterator]().next();
  ensure(done !== true, 'bench', 'a batch', 'none');
  return value;
}

/** As many labels as CIFAR-10 has training images: the size that memory banks are made for. */
const LABELS = Array.from({ length: 50_000 }, (_, row) => row % CLASSES);

/**
 * A step of ResNet-20 with a method at its usual weights. The teacher, a ResNet-56, is evaluated on
 * the batch if the method needs it.
 */
export function methodStep(method: MethodName, { batch, size }: StepOptions): Promise<Workload> {
  const [plain, teacher] = [
    cifarResnet({ classes: CLASSES, depth: 20, seed: 0 }),
    cifarResnet({ classes: CLASSES, depth: 56, seed: 1 }),
  ];
  const { needs, temperature, weights, wrapStudent } = findMethod(method);
  const head = { pooling: 'mean', scale: 1 } as const;
  const student = wrapStudent?.({ student: plain, teacher, head, seed: 0 }) ?? plain;
  const objective = createObjective(
    { method, weights, ...(temperature !== undefined && { temperature }) },
    { student, teacher, head, labels: LABELS, classes: CLASSES, batchSize: batch, seed: 0 },
  );
  // The images are noise, on which many a method would diverge: the update is computed and changes
  // nothing.
  const parts = { student, objective, optimizer: sgd({ momentum: 0.9 }), learningRate: 0 };
  return trainingWorkload(
    needs === 'nothing' ? parts : { ...parts, teacher: networkTeacher(teacher) },
    fixedBatch(batch, size),
  );
}

interface TrainingParts {
  readonly student: Network;
  readonly objective: Objective;
  readonly optimizer: OptimizerFactory;
  readonly learningRate: number;
  readonly teacher?: Teacher;
}

/**
 * The step of `train`, with its inputs, metrics and accuracy, on one batch. The loss is read back
 * after each step, as on PyTorch's side, and returned.
 */
async function trainingWorkload(
  { student, objective, optimizer, learningRate, teacher }: TrainingParts,
  batch: Batch,
): Promise<Workload> {
  const [count, height, width, channels] = batch.images.shape;
  const state = createTrainState({ student, objective, optimizer });
  const step = trainStep(state, { classes: CLASSES, teacher });
  const steps = countUp();
  return {
    flops: PASSES * count * profile(student, [height, width, channels]).flops,
    async run() {
      const stepsBefore = steps.next().value;
      const options = { learningRate, progress: 0.5, step: 1, stepsBefore, seed: 0 };
      const { total } = await step(batch, options);
      const [loss] = await total.data();
      total.dispose();
      return loss as number;
    },
  };
}
