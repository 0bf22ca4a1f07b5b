import path from 'node:path';
import type { DataLoader, ProgressFactory, Store } from '@kd/core';
import { countClasses, dataLoader, type ImageDataset } from '@kd/data';
import { directoryStore } from '@kd/files/node';
import { balancedClassWeights } from '@kd/losses';
import type { RunRecordWriter } from '@kd/report/node';
import { createAugmentation } from '../experiment/augmentation.ts';
import type { RunConfig } from '../experiment/configure.ts';
import type { RunImages } from '../experiment/dataset.ts';
import type { TrainingJob } from './jobs.ts';

/** Where a command reports to, and what stops it. */
export interface SessionServices {
  readonly createProgress: ProgressFactory;
  /** Receives a line at a time. */
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/** A run that is only read: its directory, its record and its images. */
export interface RunContext {
  readonly directory: string;
  readonly writer: Pick<RunRecordWriter<RunConfig>, 'record'>;
  readonly images: RunImages;
}

/**
 * What every stage of a run works with. Stages hand each other nothing but files, so that a
 * finished one need not run again.
 */
export interface StageContext extends RunContext, SessionServices {
  readonly writer: RunRecordWriter<RunConfig>;
}

/** Images in a batch where nothing is trained. */
export const evaluationBatchSize = 250;

/** Returns the directory of a stage. */
export function stageStore({ directory }: Pick<RunContext, 'directory'>, stage: string): Store {
  return directoryStore(path.join(directory, stage));
}

/**
 * Creates the loader of a job's training images. Their order and their random views depend on the
 * seed alone. A teacher that is trained here never sees a view twice; a pretrained one sees the
 * views of its first student, each once.
 */
export function trainingLoader({ writer, images }: RunContext, job: TrainingJob): DataLoader {
  return createTrainingLoader(writer.record.config, images, job);
}

/** `trainingLoader` before there is a record. */
export function createTrainingLoader(
  { optimizer, augmentation, sampling }: RunConfig,
  images: RunImages,
  { role, seed, training }: TrainingJob,
): DataLoader {
  const { augmentations, mixing } = createAugmentation(augmentation);
  const isPlain = augmentations.length === 0 && mixing === undefined;
  const isEndless = role === 'teacher' && training.backbone === undefined && !isPlain;
  return dataLoader(trainingImages(images, role), {
    batchSize: optimizer.batchSize,
    ...(sampling !== undefined && { sampling }),
    seed,
    augmentations,
    ...(mixing !== undefined && { mixing }),
    viewCount: isEndless ? Number.POSITIVE_INFINITY : augmentation.views,
    dropLast: true,
  });
}

/** Images without a label are for students that are taught: the teacher answers for them. */
function trainingImages(images: RunImages, role: TrainingJob['role']): ImageDataset {
  switch (role) {
    case 'teacher':
      return images.train;
    case 'baseline':
      return images.studentTrain;
    case 'assistant':
    case 'distilled':
    case 'generation':
      return images.taughtTrain;
    default:
      return role satisfies never;
  }
}

/**
 * Computes the weights of the classes in a job's cross entropy; undefined where all weigh the same.
 * @returns [classes], by the class counts of the job's training images.
 */
export function classWeightsOf(
  { writer, images }: RunContext,
  { role }: TrainingJob,
): readonly number[] | undefined {
  return writer.record.config.classWeights === undefined
    ? undefined
    : balancedClassWeights(countClasses(trainingImages(images, role)));
}

/** Creates the loader of the validation or test images, which are not augmented. */
export function evaluationLoader(
  { images }: Pick<RunContext, 'images'>,
  split: 'validation' | 'test',
): DataLoader {
  return dataLoader(images[split], { batchSize: evaluationBatchSize });
}

/** Returns how many views of every image a job's network is trained on. */
export function countViews(
  { writer }: Pick<RunContext, 'writer'>,
  { training }: TrainingJob,
): number {
  return Math.min(writer.record.config.augmentation.views, training.epochs);
}
