import type { Batch, Network, Objective, OptimizerFactory, Teacher } from '@kd/core';
import { combine, crossEntropy, softTargets, weighted } from '@kd/losses';
import { profile } from '@kd/models';
import { adam, createTrainState, sgd, trainStep } from '@kd/trainer';
import * as tf from '@tensorflow/tfjs-core';
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
 * The step of `train`, with its inputs, metrics and accuracy, and with the loss read back after each
 * step as PyTorch's side does.
 * @returns The step on this batch; it returns the loss.
 */
export async function training(
  { student, objective, optimizer, learningRate, teacher }: TrainingParts,
  batch: Batch,
): Promise<Prepared> {
  const [rows, height, width, channels] = batch.images.shape;
  const state = createTrainState({ student, objective, optimizer });
  const step = trainStep(state, { classes: CLASSES, teacher });
  const steps = count();
  return {
    flops: PASSES * rows * profile(student, [height, width, channels]).flops,
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

function* count(): Generator<number, never> {
  for (let number = 0; ; number++) yield number;
}
