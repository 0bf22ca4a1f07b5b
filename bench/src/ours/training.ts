import type { Batch, Network, Objective, OptimizerFactory, Teacher } from '@kd/core';
import { combine, crossEntropy, softTargets, weighted } from '@kd/losses';
import { profile } from '@kd/models';
import { adam, sgd } from '@kd/trainer';
import * as tf from '@tensorflow/tfjs-core';
import { freeFeed, makeFeed } from '../../../packages/trainer/src/training/feed.ts';
import { rehearse, sumNames, trainingStep } from '../../../packages/trainer/src/training/step.ts';
import { RunningSums } from '../../../packages/trainer/src/training/sums.ts';
import type { StepOptions } from '../protocol.ts';
import { CLASSES, fixedBatch, matrix } from './inputs.ts';
import type { Prepared } from './prepare.ts';

/** Forward, and backward twice as much: the usual count. */
const PASSES = 3;

export interface TrainingParts {
  readonly student: Network;
  readonly objective: Objective;
  readonly optimizer: OptimizerFactory;
  readonly learningRate: number;
  readonly teacher?: Teacher;
}

/**
 * Soft targets (T 4, weight 0.9) and cross entropy (0.1), Adam; the teacher's logits stay the same.
 */
export function distilling(
  student: Network,
  { batch: rows, size }: StepOptions,
): Promise<Prepared> {
  const objective = combine({
    hard: weighted(0.1, crossEntropy()),
    soft: weighted(0.9, softTargets({ temperature: 4 })),
  });
  const logits = matrix('scores', rows, CLASSES);
  const teacher = () => ({ logits: tf.clone(logits), features: {} });
  return training(
    { student, objective, optimizer: adam(), learningRate: 1e-3, teacher },
    fixedBatch(rows, size),
  );
}

/** Cross entropy, SGD at 0.1 with momentum 0.9 and weight decay 5e-4. */
export function classifying(
  student: Network,
  { batch: rows, size }: StepOptions,
): Promise<Prepared> {
  const objective = combine({ hard: crossEntropy() });
  const optimizer = sgd({ momentum: 0.9, weightDecay: 5e-4 });
  return training({ student, objective, optimizer, learningRate: 0.1 }, fixedBatch(rows, size));
}

/**
 * The step that `train` takes, its feed, sums and accuracy included, with the loss read back after
 * each as PyTorch's side does. It is imported by its
 * path: @kd/trainer exports whole trainings only.
 * @returns The step on this batch; it gives the loss.
 */
export async function training(
  { student, objective, optimizer, learningRate, teacher }: TrainingParts,
  batch: Batch,
): Promise<Prepared> {
  const [rows, height, width, channels] = batch.images.shape;
  const trainable = Object.fromEntries(
    Object.entries(student.weights).filter(([, weight]) => weight.trainable),
  );
  const numbers = Object.fromEntries(
    Object.entries(objective.schedules).map(([name, schedule]) => [name, schedule(0.5)]),
  );
  const values = { numbers, learningRate, step: 1, seed: 0, needsRows: objective.needsIndices };
  const example = await makeFeed(batch, teacher, { ...values, stepsBefore: 0 });
  const sums = new RunningSums(
    sumNames(rehearse({ student, objective }, example, CLASSES), undefined),
  );
  freeFeed(example);
  const step = trainingStep({
    student,
    objective,
    optimizer: optimizer(trainable),
    trainable,
    sums,
  });
  const steps = count();
  return {
    flops: PASSES * rows * profile(student, [height, width, channels]).flops,
    async run() {
      const feed = await makeFeed(batch, teacher, { ...values, stepsBefore: steps.next().value });
      const { total } = await step(feed);
      const [loss] = await total.data();
      total.dispose();
      freeFeed(feed);
      return loss as number;
    },
  };
}

function* count(): Generator<number, never> {
  for (let number = 0; ; number++) yield number;
}
