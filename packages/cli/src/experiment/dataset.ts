import type { ProgressFactory } from '@kd/core';
import { type ImageDataset, stratifiedSubset, trainValidationSplit } from '@kd/data';
import type { DataRecord, DatasetRecord } from '@kd/report';
import { usageError } from './usageError.ts';

/** A training and a test set. */
export interface LoadedDataset {
  readonly train: ImageDataset;
  readonly test: ImageDataset;
  /** Where it came from: a path, an address, a package. */
  readonly source: string;
}

export interface DatasetLoadOptions {
  readonly createProgress?: ProgressFactory;
  /** Receives lines that people should read. */
  readonly log?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** Loads a data set. `loadCifar10` of @kd/data/node is one. */
export type DatasetLoader = (options: DatasetLoadOptions) => LoadedDataset | Promise<LoadedDataset>;

/** Numbers of images, drawn by class in equal shares. */
export interface ImageCounts {
  /** For training. Left out: all that are not for validation. */
  readonly train?: number;
  /** Kept out of training, to choose the best epoch. Left out: a tenth. */
  readonly validation?: number;
  /** From the test set. Left out: all. */
  readonly test?: number;
  /** Of the training images, those that the students learn from; all where left out. */
  readonly student?: number;
}

/** The images of a run. */
export interface RunImages {
  /** The teacher's training set. */
  readonly train: ImageDataset;
  /** The students' training set: `train` or a part of it. */
  readonly studentTrain: ImageDataset;
  /** Chooses the best epoch of each network. */
  readonly validation: ImageDataset;
  /** Evaluated once, at the end. */
  readonly test: ImageDataset;
  readonly source: string;
}

/** The choice of images does not depend on the seeds of a run, so that runs stay comparable. */
const seed = 0;

/**
 * Takes the images of a run from the whole data set.
 * @throws UsageError where it has too few.
 */
export function selectImages(whole: LoadedDataset, counts: ImageCounts = {}): RunImages {
  const available = whole.train.indices.length;
  const wanted = counts.train;
  const tenth = Math.round((wanted ?? available) / 10);
  const validationCount = counts.validation ?? tenth;
  const trainCount = wanted ?? available - validationCount;
  if (trainCount < 1 || trainCount + validationCount > available)
    throw usageError(
      '--images',
      `at most ${available - validationCount}, for ${validationCount} of ${available} are for validation`,
      trainCount,
    );
  const { train, validation } = trainValidationSplit(
    takeSubset(whole.train, trainCount + validationCount),
    { validation: validationCount, seed },
  );
  return {
    train,
    studentTrain: takeSubset(train, counts.student ?? train.indices.length),
    validation,
    test: takeSubset(whole.test, counts.test ?? whole.test.indices.length),
    source: whole.source,
  };
}

/** Describes the images of a run for `run.json`. */
export async function describeImages({
  train,
  validation,
  test,
  source,
}: RunImages): Promise<DataRecord> {
  const describe = async (set: ImageDataset): Promise<DatasetRecord> => ({
    name: set.name,
    images: set.indices.length,
    fingerprint: await set.fingerprint(),
  });
  return {
    source,
    train: await describe(train),
    validation: await describe(validation),
    test: await describe(test),
    classNames: train.classNames,
    imageShape: train.imageShape,
  };
}

/** Returns the label of every image of the whole set; −1 for those that are not in this subset. */
export function labelsByIndex({ labels, indices }: ImageDataset): Int32Array {
  const known = new Int32Array(labels.length).fill(-1);
  for (const index of indices) known[index] = labels[index] as number;
  return known;
}

function takeSubset(set: ImageDataset, count: number): ImageDataset {
  return count === set.indices.length ? set : stratifiedSubset(set, count, { seed });
}
