/**
 * The record of a run as JSON, `run.json`: its types, and a reader that checks all of it.
 *
 * Fractions are between 0 and 1, times are seconds. Names, labels and numbers that a report shows
 * are stored, so that it needs no table of methods, networks or data sets.
 */
import { ensure, expectedError } from '@kd/core';

/** The version of `run.json` that is written and read. */
export const runRecordFormat = 2;

/** A network that is compared: the teacher, the student trained alone, the distilled student. */
export type Role = 'teacher' | 'baseline' | 'distilled';

/** A network that is trained: one that is compared, or one that a method trains on the way. */
export type TrainedRole = Role | 'assistant' | 'generation';

/** Metrics of a network on some images. */
export interface MetricsRecord {
  /** Share of the images whose most probable class is the label. */
  readonly top1: number;
  /** Share of the images whose label is among the five most probable classes. */
  readonly top5: number;
  /** Mean cross entropy with the labels, nats. */
  readonly loss: number;
  /** Expected calibration error. */
  readonly calibrationError: number;
  readonly images: number;
  readonly seconds: number;
  readonly imagesPerSecond: number;
}

/** Metrics of a network on the test images. */
export interface EvaluationRecord extends MetricsRecord {
  /** Counts of images, [label][prediction]. */
  readonly confusion: readonly (readonly number[])[];
}

/** One epoch of a training. */
export interface EpochRecord {
  /** From 1. */
  readonly epoch: number;
  readonly steps: number;
  readonly images: number;
  /** Seconds of training, without the validation. */
  readonly seconds: number;
  readonly imagesPerSecond: number;
  /** Learning rate of the last step. */
  readonly learningRate: number;
  /** Means of the loss terms over the epoch, and their `total`. */
  readonly terms: Readonly<Record<string, number>>;
  /** Accuracy on the augmented training images, while the weights changed. */
  readonly accuracy: number;
  /** Mean norm of the gradient before clipping; only where it was clipped. */
  readonly gradientNorm?: number;
  readonly validation?: MetricsRecord;
  /** Whether the validation accuracy was higher than after every epoch before. */
  readonly isBest: boolean;
}

/** The training of one network. Its directory in the run has the name of the stage. */
export interface TrainingRecord {
  readonly role: TrainedRole;
  readonly seed: number;
  readonly finished: boolean;
  /** Seconds of training, summed over interruptions. */
  readonly seconds: number;
  readonly epochs: readonly EpochRecord[];
}

/** The outputs of a teacher, or of a frozen backbone, computed once for every view. */
export interface CacheRecord {
  readonly outputs: 'logits' | 'features';
  readonly seed: number;
  /** Views of every image. */
  readonly views: number;
  readonly seconds: number;
}

/** A network on the test set: its cost and its metrics. */
export interface ResultRecord {
  readonly role: Role;
  readonly seed: number;
  readonly parameters: number;
  readonly bytes: number;
  /** Operations for one image. */
  readonly flops: number;
  readonly test: EvaluationRecord;
}

/** A set of images. */
export interface DatasetRecord {
  readonly name: string;
  readonly images: number;
  /** SHA-256 of the whole set that it is taken from. */
  readonly fingerprint: string;
}

/** The images of a run. */
export interface DataRecord {
  /** Where the data set came from: a path, an address, a package. */
  readonly source: string;
  readonly train: DatasetRecord;
  readonly validation: DatasetRecord;
  readonly test: DatasetRecord;
  readonly classNames: readonly string[];
  /** [height, width, channels]. */
  readonly imageShape: readonly [number, number, number];
}

/** The engine that computed, and those that did not start. */
export interface EngineRecord {
  readonly name: string;
  readonly version: string;
  readonly device: string;
  readonly threads: number;
  readonly refused: readonly { readonly name: string; readonly reason: string }[];
}

/** The engine, the versions and the machine of a run. */
export interface EnvironmentRecord {
  readonly engine: EngineRecord;
  /** Versions of Node, TensorFlow.js and the packages of this repository, by name. */
  readonly versions: Readonly<Record<string, string>>;
  readonly machine: {
    readonly processor: string;
    readonly cores: number;
    readonly memoryBytes: number;
    readonly system: string;
  };
}

/** A network and the settings of its training. */
export interface NetworkRecord {
  readonly architecture: string;
  readonly epochs: number;
  /** Highest learning rate of the schedule, or Adam's constant one. */
  readonly peakRate: number;
  /** Bound of the gradient's global norm. */
  readonly clipNorm?: number;
  /** Side in pixels to which the images were resized; absent: not resized. */
  readonly size?: number;
  /** Present where a frozen pretrained backbone was used, under a new head. */
  readonly backbone?: { readonly weights: string };
}

/** The distillation method with its settings. */
export interface DistillationRecord {
  readonly method: string;
  /** > 0; absent where the method has none. */
  readonly temperature?: number;
  /** Weights of the cross entropy with the labels and of the method's term, ≥ 0. */
  readonly weights: { readonly labels: number; readonly method: number };
  /** Bound of the gradient's norm that the method adds to the distilled student's training. */
  readonly clipNorm?: number;
  /** Architecture of the assistant, where the method trains one. */
  readonly assistant?: string;
  /** Number of students in a row, the last of them the distilled one, where the method has some. */
  readonly generations?: number;
  /** Present where a peer was trained together with the distilled student. */
  readonly peer?: true;
}

/** Augmentations of the training images. */
export interface AugmentationRecord {
  /** Width in pixels of the reflected border before a random crop; 0 for no crop. */
  readonly padding: number;
  /** Whether images were flipped horizontally at random. */
  readonly flip: boolean;
  /** Different views of every image. */
  readonly views: number;
}

/** The optimizer with its settings. */
export type OptimizerRecord =
  | { readonly name: 'adam'; readonly batchSize: number }
  | {
      readonly name: 'sgd';
      readonly batchSize: number;
      readonly momentum: number;
      readonly weightDecay: number;
      /** Share of the steps in which the learning rate rises to its peak. */
      readonly rise: number;
    };

/** The experiment: everything that decides the numbers of a run, apart from the engine. */
export interface ExperimentRecord {
  /** Name of the experiment. */
  readonly experiment: string;
  /** Whether it claims that the distilled student is better than the student alone. */
  readonly claim: boolean;
  /** Number of the students' training images, where they are fewer than the teacher's. */
  readonly images: { readonly student?: number };
  readonly teacher: NetworkRecord;
  readonly student: NetworkRecord;
  readonly distillation: DistillationRecord;
  readonly augmentation: AugmentationRecord;
  readonly optimizer: OptimizerRecord;
  /** One student alone and one distilled for each; the teacher is trained with the first. */
  readonly seeds: readonly number[];
}

/**
 * A run: what was done, on what, and what came out.
 * @typeParam Config - The experiment; a program that runs experiments may record more fields.
 */
export interface RunRecord<Config extends ExperimentRecord = ExperimentRecord> {
  readonly format: typeof runRecordFormat;
  readonly status: 'running' | 'interrupted' | 'failed' | 'finished';
  /** The error's message, where the run failed. */
  readonly error?: string;
  /** ISO 8601. */
  readonly started: string;
  /** ISO 8601. */
  readonly finished?: string;
  /** Seconds of work, without interruptions and downloads. */
  readonly seconds: number;
  /** The command line that repeats the run. */
  readonly command: string;
  readonly config: Config;
  readonly environment: EnvironmentRecord;
  readonly data: DataRecord;
  /**
   * By stage: `teacher`, `baseline-0`, `distilled-0`; `assistant`, `generation-1-0` where a method
   * trains them.
   */
  readonly trainings: Readonly<Record<string, TrainingRecord>>;
  /** By directory. */
  readonly caches: Readonly<Record<string, CacheRecord>>;
  /** By stage. */
  readonly results: Readonly<Record<string, ResultRecord>>;
}

/** Returns the name of a compared network's stage, which is also its directory in the run. */
export function stageName(role: Role, seed: number): string {
  return role === 'teacher' ? role : `${role}-${seed}`;
}

/** Writes a record as JSON. Numbers that are not finite become null, which JSON has for them. */
export function formatRunRecord(record: RunRecord): string {
  return `${JSON.stringify(record, undefined, 2)}\n`;
}

/**
 * Reads a record from JSON of any origin: every field that a report uses has its type, names of
 * stages are single parts of a path, and null stands for NaN.
 * @param caller - Starts the error messages: the file's name.
 * @throws RangeError on text that is no record, or one of another version.
 */
export function parseRunRecord(text: string, caller: string): RunRecord {
  let value: unknown;
  try {
    value = JSON.parse(text, (_, field: unknown) => (field === null ? Number.NaN : field));
  } catch (cause) {
    throw expectedError(caller, 'a run record in JSON', (cause as Error).message);
  }
  fields({})(value, caller);
  const { format } = value as { readonly format?: unknown };
  ensure(
    format === runRecordFormat,
    caller,
    `a run record of format ${runRecordFormat}`,
    format === undefined ? 'an object without format' : `format ${String(format)}`,
    format === 1
      ? 'an earlier version wrote it: start a new run; its report.html can still be opened'
      : 'it is of another version',
  );
  runRecord(value, caller);
  return value as RunRecord;
}

/** Checks a field. @throws RangeError that names it by its path. */
type Check = (value: unknown, path: string) => void;

function kind(expected: string, isRight: (value: unknown) => boolean): Check {
  return (value, path) => ensure(isRight(value), path, expected, describe(value));
}

/** Names a wrong value without its content, which may be long. */
function describe(value: unknown): unknown {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'string' ? value.slice(0, 40) : value;
}

const text = kind('a text', (value) => typeof value === 'string');
const number = kind('a number', (value) => typeof value === 'number');
const flag = kind('true or false', (value) => typeof value === 'boolean');

function oneOf(...choices: readonly unknown[]): Check {
  return kind(`one of ${choices.join(', ')}`, (value) => choices.includes(value));
}

/** An object with these fields, of which some may be absent. It may have more. */
function fields(
  required: Readonly<Record<string, Check>>,
  optional: Readonly<Record<string, Check>> = {},
): Check {
  const isObject = kind(
    'an object',
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  );
  return (value, path) => {
    isObject(value, path);
    const record = value as Readonly<Record<string, unknown>>;
    for (const [name, check] of Object.entries({ ...required, ...optional }))
      if (record[name] !== undefined || Object.hasOwn(required, name))
        check(record[name], path.includes(': ') ? `${path}.${name}` : `${path}: ${name}`);
  };
}

function list(item: Check): Check {
  const isList = kind('a list', Array.isArray);
  return (value, path) => {
    isList(value, path);
    for (const [index, each] of (value as readonly unknown[]).entries())
      item(each, `${path}[${index}]`);
  };
}

/** An object with any names. @param name - Checks them. */
function table(item: Check, name: Check = () => {}): Check {
  const isObject = fields({});
  return (value, path) => {
    isObject(value, path);
    for (const [key, each] of Object.entries(value as object)) {
      name(key, path);
      item(each, `${path}.${key}`);
    }
  };
}

const stage = kind(
  'names of letters, digits and hyphens',
  (value) => typeof value === 'string' && /^[\w-]+$/.test(value),
);

const metrics = {
  top1: number,
  top5: number,
  loss: number,
  calibrationError: number,
  images: number,
  seconds: number,
  imagesPerSecond: number,
};

const dataset = fields({ name: text, images: number, fingerprint: text });

const network = fields(
  { architecture: text, epochs: number, peakRate: number },
  { clipNorm: number, size: number, backbone: fields({ weights: text }) },
);

const experiment = fields({
  experiment: text,
  claim: flag,
  images: fields({}, { student: number }),
  teacher: network,
  student: network,
  distillation: fields(
    { method: text, weights: fields({ labels: number, method: number }) },
    {
      temperature: number,
      clipNorm: number,
      assistant: text,
      generations: number,
      peer: oneOf(true),
    },
  ),
  augmentation: fields({ padding: number, flip: flag, views: number }),
  optimizer: (value, path) => {
    fields({ name: oneOf('adam', 'sgd'), batchSize: number })(value, path);
    if ((value as OptimizerRecord).name === 'sgd')
      fields({ momentum: number, weightDecay: number, rise: number })(value, path);
  },
  seeds: (value, path) => {
    list(number)(value, path);
    ensure((value as readonly number[]).length > 0, path, 'at least one seed', 'none');
  },
});

const epoch = fields(
  {
    epoch: number,
    steps: number,
    images: number,
    seconds: number,
    imagesPerSecond: number,
    learningRate: number,
    terms: table(number),
    accuracy: number,
    isBest: flag,
  },
  { gradientNorm: number, validation: fields(metrics) },
);

const runRecord = fields(
  {
    status: oneOf('running', 'interrupted', 'failed', 'finished'),
    started: text,
    seconds: number,
    command: text,
    config: experiment,
    environment: fields({
      engine: fields({
        name: text,
        version: text,
        device: text,
        threads: number,
        refused: list(fields({ name: text, reason: text })),
      }),
      versions: table(text),
      machine: fields({ processor: text, cores: number, memoryBytes: number, system: text }),
    }),
    data: fields({
      source: text,
      train: dataset,
      validation: dataset,
      test: dataset,
      classNames: list(text),
      imageShape: (value, path) => {
        list(number)(value, path);
        ensure((value as readonly number[]).length === 3, path, '3 numbers', describe(value));
      },
    }),
    trainings: table(
      fields({
        role: oneOf('teacher', 'baseline', 'distilled', 'assistant', 'generation'),
        seed: number,
        finished: flag,
        seconds: number,
        epochs: list(epoch),
      }),
      stage,
    ),
    caches: table(
      fields({
        outputs: oneOf('logits', 'features'),
        seed: number,
        views: number,
        seconds: number,
      }),
      stage,
    ),
    results: table(
      fields({
        role: oneOf('teacher', 'baseline', 'distilled'),
        seed: number,
        parameters: number,
        bytes: number,
        flops: number,
        test: fields({ ...metrics, confusion: list(list(number)) }),
      }),
      stage,
    ),
  },
  { error: text, finished: text },
);
