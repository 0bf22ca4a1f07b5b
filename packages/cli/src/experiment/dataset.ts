import type { ProgressFactory } from '@kd/core';
import {
  countClasses,
  type ImageDataset,
  stratifiedSubset,
  trainTestSplit,
  trainValidationSplit,
} from '@kd/data';
import type { ChoiceRecord, DataRecord, DatasetRecord } from '@kd/report';
import { usageError } from './usageError.ts';

/** A training set, and others where there are some. Images without a label have the label −1. */
export interface LoadedDataset {
  readonly train: ImageDataset;
  /** Chooses the best epoch. Left out: images of the training set. */
  readonly validation?: ImageDataset;
  /** Left out: the validation set, or a fifth of the training set. */
  readonly test?: ImageDataset;
  /** Where it came from: a path, an address, a package. */
  readonly source: string;
  /** How the pixels were made from files. */
  readonly preparation?: string;
  /** Lines about what is unusual in the data but allowed. */
  readonly warnings?: readonly string[];
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
  /** From the test set. Left out: all, or a fifth of the training set where there is none. */
  readonly test?: number;
  /** Of the training images, those that the students learn from; all where left out. */
  readonly student?: number;
  /** Of the training images without a label; all where left out. */
  readonly unlabelled?: number;
}

/** The images of a run. */
export interface RunImages {
  /** The teacher's training set. */
  readonly train: ImageDataset;
  /** The students' training set: `train` or a part of it. */
  readonly studentTrain: ImageDataset;
  /** `studentTrain` and the images without a label: for students that are taught. */
  readonly taughtTrain: ImageDataset;
  /** Chooses the best epoch of each network. */
  readonly validation: ImageDataset;
  /** Evaluated once, at the end. */
  readonly test: ImageDataset;
  readonly source: string;
  readonly preparation?: string;
  readonly warnings?: readonly string[];
  /** Where validation and test images come from, if the data set has none of their own. */
  readonly choices: readonly ChoiceRecord[];
}

/** The choice of images does not depend on the seeds of a run, so that runs stay comparable. */
const seed = 0;

/**
 * Takes the images of a run from the whole data set.
 * @throws UsageError where it has too few.
 */
export function selectImages(whole: LoadedDataset, counts: ImageCounts = {}): RunImages {
  const { pool, unlabelled, validation: own, test, choices } = divide(whole, counts.test);
  const available = pool.indices.length;
  const wanted = counts.train;
  const tenth = own === undefined ? Math.round((wanted ?? available) / 10) : 0;
  const fromTrain = own === undefined ? (counts.validation ?? tenth) : 0;
  const trainCount = wanted ?? available - fromTrain;
  if (trainCount < 1 || trainCount + fromTrain > available)
    throw usageError(
      '--images',
      `at most ${available - fromTrain}, for ${fromTrain} of ${available} are for validation`,
      trainCount,
    );
  const drawn = takeSubset(pool, trainCount + fromTrain);
  const { train, validation } =
    own === undefined
      ? trainValidationSplit(drawn, { validation: fromTrain, seed })
      : { train: drawn, validation: takeSubset(own, counts.validation ?? own.indices.length) };
  const studentTrain = takeSubset(train, counts.student ?? train.indices.length);
  const { source, preparation, warnings } = whole;
  return {
    train,
    studentTrain,
    taughtTrain: addUnlabelled(studentTrain, unlabelled, counts.unlabelled),
    validation,
    test: takeSubset(test, counts.test ?? test.indices.length),
    source,
    ...(preparation !== undefined && { preparation }),
    ...(warnings !== undefined && { warnings }),
    choices,
  };
}

/** Numbers of images of a whole data set. */
export interface SetSizes {
  /** Training images with a label. */
  readonly labelled: number;
  /** [classes], training images of each. */
  readonly classCounts: readonly number[];
  readonly unlabelled: number;
  /** Absent where there is none, or none beside the test set. */
  readonly validation?: number;
  /** Absent where there is neither a test nor a validation set. */
  readonly test?: number;
}

/** Counts images with labels. */
export function measureSets({ train, validation, test }: LoadedDataset): SetSizes {
  const count = (set: ImageDataset) => withLabels(set)?.indices.length ?? 0;
  const labelled = count(train);
  const [ours, theirs] = [validation && count(validation), test && count(test)];
  return {
    labelled,
    classCounts: countClasses(train),
    unlabelled: train.indices.length - labelled,
    ...(ours && theirs && { validation: ours }),
    ...((theirs || ours) && { test: theirs || ours }),
  } as SetSizes;
}

/**
 * Fills in the numbers of images of a run that takes as many as there are, up to a bound: 50 000
 * images without a validation set give 10 000 for training and 1 000 for validation.
 * @param most Bounds of the training and of the test images.
 * @param train Training images; by default as many as there are, up to the bound.
 */
export function countImages(
  sizes: SetSizes,
  most: { readonly train: number; readonly test: number },
  train?: number,
): Required<Omit<ImageCounts, 'student'>> {
  const test = Math.min(most.test, sizes.test ?? countFifth(sizes.labelled));
  const available = sizes.labelled - (sizes.test === undefined ? test : 0);
  const share = sizes.validation === undefined ? 10 / 11 : 1;
  const count = train ?? Math.max(1, Math.min(most.train, Math.floor(available * share)));
  const tenth = Math.max(1, Math.round(count / 10));
  return {
    train: count,
    validation: Math.min(tenth, sizes.validation ?? tenth),
    test,
    // Not many more than with a label, so that an epoch of the distilled student stays short.
    unlabelled: Math.min(sizes.unlabelled, most.train, Math.max(1_000, 4 * count)),
  };
}

function countFifth(images: number): number {
  return Math.max(1, Math.round(images / 5));
}

/** A data set with a test set, and images with labels in all parts. */
interface DividedDataset {
  /** The images with a label that are neither for validation nor for the test. */
  readonly pool: ImageDataset;
  /** The training images without a label, where there are some. */
  readonly unlabelled: ImageDataset | undefined;
  readonly validation: ImageDataset | undefined;
  readonly test: ImageDataset;
  readonly choices: readonly ChoiceRecord[];
}

/**
 * Separates images with and without a label, and finds a test set.
 * @param testCount Images of a test set that is taken from the training set; a fifth by default.
 */
function divide(
  { train, validation: givenValidation, test: givenTest, source }: LoadedDataset,
  testCount: number | undefined,
): DividedDataset {
  const labelled = withLabels(train);
  const isLabelled = (index: number) => (train.labels[index] as number) >= 0;
  if (labelled === undefined)
    throw usageError(source, 'training images with a label', 'none', 'a class is a directory');
  const unlabelled =
    labelled === train
      ? undefined
      : {
          ...train,
          name: `${train.name} (without a label)`,
          indices: train.indices.filter((index) => !isLabelled(index)),
        };
  const [validation, test] = [
    givenValidation && withLabels(givenValidation),
    givenTest && withLabels(givenTest),
  ];
  const fromTrain = {
    what: 'validation images',
    value: 'taken from the training images, by class',
  };
  const why = 'there are none of their own';
  if (test !== undefined)
    return {
      pool: labelled,
      unlabelled,
      validation,
      test,
      choices: validation === undefined ? [{ ...fromTrain, why }] : [],
    };
  if (validation !== undefined)
    return {
      pool: labelled,
      unlabelled,
      validation: undefined,
      test: validation,
      choices: [
        { what: 'test images', value: 'those of the validation set', why: 'there is no test set' },
        { ...fromTrain, why: 'the validation set is the test set' },
      ],
    };
  const available = labelled.indices.length;
  const count = testCount ?? countFifth(available);
  if (count > available - 2)
    throw usageError(
      source,
      `more than ${count + 1} images with a label, of which ${count} are for the test`,
      available,
    );
  const split = trainTestSplit(labelled, { test: count, seed });
  return {
    pool: split.train,
    unlabelled,
    validation: undefined,
    test: split.test,
    choices: [
      { what: 'test images', value: `${count} of the training images, by class`, why },
      { ...fromTrain, why },
    ],
  };
}

/** The images that have a label; undefined where none has. */
function withLabels(set: ImageDataset): ImageDataset | undefined {
  const indices = set.indices.filter((index) => (set.labels[index] as number) >= 0);
  if (indices.length === set.indices.length) return set;
  return indices.length === 0
    ? undefined
    : { ...set, name: `${set.name} (${indices.length} with a label)`, indices };
}

/** Joins images of one set; `train` itself where there is nothing to join. */
function addUnlabelled(
  train: ImageDataset,
  unlabelled: ImageDataset | undefined,
  count = unlabelled?.indices.length ?? 0,
): ImageDataset {
  if (unlabelled === undefined || count === 0) return train;
  const added = takeSubset(unlabelled, count);
  return {
    ...train,
    name: `${train.name} and ${count} without a label`,
    indices: Int32Array.from([...train.indices, ...added.indices]).sort(),
  };
}

/** Describes the images of a run for `run.json`. */
export async function describeImages({
  train,
  validation,
  test,
  studentTrain,
  taughtTrain,
  source,
  preparation,
  warnings = [],
}: RunImages): Promise<DataRecord> {
  const describe = async (set: ImageDataset): Promise<DatasetRecord> => ({
    name: set.name,
    images: set.indices.length,
    fingerprint: await set.fingerprint(),
  });
  const unlabelled = taughtTrain.indices.length - studentTrain.indices.length;
  return {
    source,
    train: await describe(train),
    validation: await describe(validation),
    test: await describe(test),
    classNames: train.classNames,
    imageShape: train.imageShape,
    ...(preparation !== undefined && { preparation }),
    ...(warnings.length > 0 && { warnings }),
    ...(unlabelled > 0 && { unlabelled }),
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
