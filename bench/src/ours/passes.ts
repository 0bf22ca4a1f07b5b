import type { DataLoader } from '@kd/core';
import { dataLoader, randomCrop, randomHorizontalFlip } from '@kd/data';
import { combine, crossEntropy, softTargets, weighted } from '@kd/losses';
import { resnet9, studentCnn } from '@kd/models';
import { evaluate, networkTeacher, sgd, train } from '@kd/trainer';
import type { StepOptions } from '../protocol.ts';
import { CLASSES, pictureSet } from './inputs.ts';
import type { Prepared } from './prepare.ts';

const BATCH = 64;

/** A pass over drawn pictures, augmented, and nothing else. */
export function dealing(options: StepOptions): Prepared {
  const source = drawn(options);
  const passes = numbers();
  return {
    async run() {
      for await (const _ of source.epoch(passes.next().value));
      return 0;
    },
  };
}

/** An epoch of `train` with the default student. @param taught By a live teacher. */
export function epochs(options: StepOptions, taught: boolean): Prepared {
  const student = studentCnn({ classes: CLASSES, seed: 0 });
  const teacher = networkTeacher(resnet9({ classes: CLASSES, seed: 0, width: 0.25 }));
  const objective = taught
    ? combine({ hard: crossEntropy(), soft: weighted(0.9, softTargets()) })
    : combine({ hard: crossEntropy() });
  const training = {
    student,
    objective,
    data: drawn(options),
    optimizer: sgd({ momentum: 0.9 }),
    learningRate: 0.01,
    epochs: 1_000_000,
  };
  const reports = train({ ...training, ...(taught && { teacher }) });
  return {
    async run() {
      const { value } = await reports.next();
      return value === undefined ? Number.NaN : (value.terms.total as number);
    },
  };
}

/** An evaluation of the default student. */
export function evaluating(options: StepOptions): Prepared {
  const student = studentCnn({ classes: CLASSES, seed: 0 });
  const source = drawn(options);
  return { run: async () => (await evaluate(student, source)).loss };
}

/** Drawn pictures in augmented batches. */
function drawn({ batch: pictures, size }: StepOptions): DataLoader {
  return dataLoader(pictureSet(pictures, size), {
    batchSize: BATCH,
    augmentations: [randomCrop({ padding: 4, fill: 'reflect' }), randomHorizontalFlip()],
  });
}

function* numbers(): Generator<number, never> {
  for (let number = 0; ; number++) yield number;
}
