import type { DataLoader } from '@kd/core';
import { dataLoader, randomCrop, randomHorizontalFlip } from '@kd/data';
import { combine, crossEntropy, softTargets, weighted } from '@kd/losses';
import { resnet9, studentCnn } from '@kd/models';
import { evaluate, networkTeacher, sgd, train } from '@kd/trainer';
import type { StepOptions } from '../protocol.ts';
import { CLASSES, countUp, randomDataset, type Workload } from './workload.ts';

const BATCH = 64;

/** A pass over random, augmented images, and nothing else. */
export function dataLoading(options: StepOptions): Workload {
  const data = augmentedLoader(options);
  const epochs = countUp();
  return {
    async run() {
      for await (const _ of data.epoch(epochs.next().value));
      return 0;
    },
  };
}

/** An epoch of `train` with the default student. @param isTaught Whether a live teacher is used. */
export function trainingEpoch(options: StepOptions, isTaught: boolean): Workload {
  const student = studentCnn({ classes: CLASSES, seed: 0 });
  const teacher = networkTeacher(resnet9({ classes: CLASSES, seed: 0, width: 0.25 }));
  const objective = isTaught
    ? combine({ hard: crossEntropy(), soft: weighted(0.9, softTargets()) })
    : combine({ hard: crossEntropy() });
  const training = {
    student,
    objective,
    data: augmentedLoader(options),
    optimizer: sgd({ momentum: 0.9 }),
    learningRate: 0.01,
    epochs: 1_000_000,
  };
  const reports = train({ ...training, ...(isTaught && { teacher }) });
  return {
    async run() {
      const { value } = await reports.next();
      return value === undefined ? Number.NaN : (value.terms.total as number);
    },
  };
}

/** An evaluation of the default student. */
export function evaluation(options: StepOptions): Workload {
  const student = studentCnn({ classes: CLASSES, seed: 0 });
  const data = augmentedLoader(options);
  return { run: async () => (await evaluate(student, data)).loss };
}

function augmentedLoader({ batch: count, size }: StepOptions): DataLoader {
  return dataLoader(randomDataset(count, size), {
    batchSize: BATCH,
    augmentations: [randomCrop({ padding: 4, fill: 'reflect' }), randomHorizontalFlip()],
  });
}
