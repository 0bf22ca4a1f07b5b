import type { DataLoader, Network } from '@kd/core';
import { stratifiedSubset } from '@kd/data';
import { combine, crossEntropy } from '@kd/losses';
import { evaluate, sgd, train } from '@kd/trainer';
import type { RunConfig } from '../experiment/configure.ts';
import type { RunImages } from '../experiment/dataset.ts';
import { createTrainingLoader, evaluationLoader } from '../run/context.ts';
import { baselineJob, type TrainingJob, teacherJob } from '../run/jobs.ts';
import { buildNetwork } from '../run/networks.ts';

/** Images per second on this machine. */
export interface Speeds {
  readonly teacherTraining: number;
  readonly teacherForward: number;
  readonly studentTraining: number;
  readonly studentForward: number;
}

/** Batches that are timed; as many before them are not, since the first traces the step. */
const timedBatches = 4;

/**
 * Times some steps of teacher and student on images of the run. The networks are freed again, and
 * no random numbers of the run are touched.
 */
export async function measureSpeeds(
  config: RunConfig,
  images: RunImages,
  signal: AbortSignal,
): Promise<Speeds> {
  const { batchSize } = config.optimizer;
  const count = Math.min(images.train.indices.length, timedBatches * batchSize);
  const train = stratifiedSubset(images.train, count, { seed: 0 });
  const few: RunImages = { ...images, train, studentTrain: train, taughtTrain: train, test: train };
  const [teacher, student] = [teacherJob(config), baselineJob(config, 0)];
  const { backbone, ownHead } = config.teacher;
  const isPretrained = backbone !== undefined || ownHead !== undefined;
  return {
    teacherTraining: isPretrained
      ? Number.POSITIVE_INFINITY
      : await timeTraining(config, few, teacher, signal),
    teacherForward: await timeForward(few, teacher),
    studentTraining: await timeTraining(config, few, student, signal),
    studentForward: await timeForward(few, student),
  };
}

async function timeTraining(
  config: RunConfig,
  images: RunImages,
  job: TrainingJob,
  signal: AbortSignal,
): Promise<number> {
  const network = buildNetwork({ images }, job);
  try {
    let speed = 0;
    for await (const { imagesPerSecond } of train({
      student: network,
      objective: combine({ labels: crossEntropy() }),
      data: createTrainingLoader(config, images, job),
      optimizer: sgd({ momentum: 0.9, nesterov: true }),
      learningRate: 1e-3,
      epochs: 2,
      seed: 0,
      signal,
    }))
      speed = imagesPerSecond;
    return speed;
  } finally {
    network.dispose();
  }
}

async function timeForward(images: RunImages, job: TrainingJob): Promise<number> {
  const network = buildNetwork({ images }, job);
  try {
    const data = evaluationLoader({ images }, 'test');
    await timed(network, data);
    return await timed(network, data);
  } finally {
    network.dispose();
  }
}

async function timed(network: Network, data: DataLoader): Promise<number> {
  return (await evaluate(network, data)).imagesPerSecond;
}
