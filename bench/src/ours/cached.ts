import { type Batch, ensure, fingerprint } from '@kd/core';
import { dataLoader } from '@kd/data';
import { memoryStore } from '@kd/files';
import { combine, crossEntropy, softTargets, weighted } from '@kd/losses';
import { tutorialCnn } from '@kd/models';
import { adam, cachedTeacher, cacheOutputs, networkTeacher } from '@kd/trainer';
import type { StepOptions } from '../protocol.ts';
import { CLASSES, pictureSet } from './inputs.ts';
import type { Prepared } from './prepare.ts';
import { training } from './training.ts';

/** The tutorial's step with a recorded teacher, whose logits are looked up anew at each step. */
export async function withRecording(options: StepOptions): Promise<Prepared> {
  const source = sourceOf(options);
  const network = tutorialCnn({ classes: CLASSES, seed: 1 });
  const store = memoryStore();
  await cacheOutputs({ teacher: networkTeacher(network), data: source, store });
  const teacher = await cachedTeacher({ store, data: source, teacher: await fingerprint(network) });
  const objective = combine({
    hard: weighted(0.1, crossEntropy()),
    soft: weighted(0.9, softTargets()),
  });
  return training({ ...student(), objective, teacher }, await firstOf(source.iterateOnce()));
}

/** The same step, cross entropy alone. */
export async function withoutTeacher(options: StepOptions): Promise<Prepared> {
  return training(
    { ...student(), objective: combine({ hard: crossEntropy() }) },
    await firstOf(sourceOf(options).iterateOnce()),
  );
}

function student() {
  return {
    student: tutorialCnn({ classes: CLASSES, seed: 0 }),
    optimizer: adam(),
    learningRate: 1e-3,
  };
}

function sourceOf({ batch: batchSize, size }: StepOptions) {
  return dataLoader(pictureSet(batchSize, size), { batchSize });
}

/** It lives until the source is asked for another. */
async function firstOf(pass: AsyncIterable<Batch>): Promise<Batch> {
  const { value, done } = await pass[Symbol.asyncIterator]().next();
  ensure(done !== true, 'bench', 'a batch', 'none');
  return value;
}
