import { type ArchitectureName, architectures } from './architectures.ts';
import { type Augmentation, createAugmentation } from './augmentation.ts';
import type { DatasetLoader, ImageCounts } from './dataset.ts';
import type { ObjectiveWeights } from './method.ts';
import { type MethodName, methods } from './methods.ts';
import { chooseName, UsageError, usageError } from './usageError.ts';

/** A network and how long it is trained. */
export interface NetworkTraining {
  readonly architecture: ArchitectureName;
  readonly epochs: number;
  /** The architecture's own where left out. */
  readonly peakRate?: number;
  /** Bound of the gradient's global norm; the architecture's own where left out. */
  readonly clipNorm?: number;
  /** Side in pixels to which the network resizes its images; the architecture's own. */
  readonly size?: number;
}

/** Adam at a constant rate, which is the network's `peakRate`. */
export interface AdamTraining {
  readonly name: 'adam';
  readonly batchSize: number;
}

/** SGD with Nesterov momentum under a triangular learning rate. */
export interface SgdTraining {
  readonly name: 'sgd';
  readonly batchSize: number;
  readonly momentum: number;
  readonly weightDecay: number;
  /** Share of the steps, 0–1, in which the learning rate rises to its peak. */
  readonly rise: number;
}

/** A distillation method; temperature and weights are the method's own where left out. */
export interface DistillationChoice {
  readonly method: MethodName;
  readonly temperature?: number;
  readonly weights?: ObjectiveWeights;
}

/** An experiment: a teacher, a student alone and the same student distilled, tested once. */
export interface Experiment {
  /** Names the directory of a run. */
  readonly name: string;
  /** What it does, in a line. */
  readonly about: string;
  /**
   * Whether it claims that distillation helps: a run whose distilled student is not better than the
   * student alone then ends with exit code 1.
   */
  readonly claim: boolean;
  readonly dataset: DatasetLoader;
  readonly images?: ImageCounts;
  readonly teacher: NetworkTraining;
  readonly student: NetworkTraining;
  readonly distillation: DistillationChoice;
  /** The network between teacher and student, for the method `teacherAssistants`. */
  readonly assistant?: ArchitectureName;
  readonly augmentation: Augmentation;
  readonly optimizer: AdamTraining | SgdTraining;
  /**
   * `classBalanced`: an epoch has as many images of each class, those of rare classes repeat. Left
   * out: every image once.
   */
  readonly sampling?: 'classBalanced';
  /**
   * `balanced`: rare classes weigh more in the cross entropy with the labels, in inverse proportion
   * to their images. Left out: all weigh the same.
   */
  readonly classWeights?: 'balanced';
  /** One student alone and one distilled for each; the teacher is trained with the first. */
  readonly seeds: readonly number[];
  /** The smaller experiment that takes its place where neither tensorflow nor webgpu starts. */
  readonly withoutFastEngine?: Experiment;
  /**
   * Whether it is a published recipe with its defects repaired, which `--as-published` brings back.
   */
  readonly published?: boolean;
}

/**
 * Defines an experiment for `kd run`.
 * @returns The same object.
 * @throws UsageError that names the first field that is wrong or unknown.
 */
export function defineExperiment(experiment: Experiment): Experiment {
  checkExperiment(experiment, 'defineExperiment');
  return experiment;
}

type Check = (value: unknown, caller: string) => void;

/**
 * Checks an object of an unknown origin.
 * @throws UsageError that names the first field that is wrong or unknown.
 */
export function checkExperiment(
  experiment: unknown,
  caller: string,
): asserts experiment is Experiment {
  fields(
    {
      name: matching(/^[\w.-]+$/, 'a name of letters, digits, dots, hyphens and underscores'),
      about: matching(/./, 'a sentence'),
      claim: boolean,
      dataset: loader,
      teacher: network,
      student: network,
      distillation: fields(
        { method: (value, at) => void chooseName(methods, value, at) },
        {
          temperature: number('a temperature > 0', (value) => value > 0),
          weights: fields({ labels: weight, method: weight }),
        },
      ),
      augmentation,
      optimizer,
      seeds,
    },
    {
      images: fields(
        {},
        {
          train: count(1),
          validation: count(1),
          test: count(1),
          student: count(1),
          unlabelled: count(0),
        },
      ),
      assistant: architecture,
      sampling: named('classBalanced'),
      classWeights: named('balanced'),
      withoutFastEngine: checkExperiment,
      published: boolean,
    },
  )(experiment, caller);
  const { distillation, assistant } = experiment as Experiment;
  const method = methods[distillation.method];
  if (distillation.temperature !== undefined && !('temperature' in method))
    throw usageError(
      `${caller}: distillation.temperature`,
      `nothing for ${distillation.method}, which has none`,
      distillation.temperature,
      'leave it out',
    );
  if (assistant === undefined && distillation.method === 'teacherAssistants')
    throw usageError(`${caller}: assistant`, 'an architecture for teacherAssistants', assistant);
}

/** An object with all fields of one table and any of another, and no others. */
function fields(
  required: Readonly<Record<string, Check>>,
  optional: Readonly<Record<string, Check>> = {},
): Check {
  const known = { ...required, ...optional };
  return (value, caller) => {
    const names = Object.keys(known);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!isObject) throw usageError(caller, `an object with ${names.join(', ')}`, value);
    for (const name of Object.keys(value))
      if (!Object.hasOwn(known, name))
        throw usageError(caller, `only the fields ${names.join(', ')}`, name, 'it is unknown');
    for (const [name, check] of Object.entries(known)) {
      const field = (value as Record<string, unknown>)[name];
      if (field !== undefined || Object.hasOwn(required, name))
        check(field, caller.includes(': ') ? `${caller}.${name}` : `${caller}: ${name}`);
    }
  };
}

function number(expected: string, isRight: (value: number) => boolean): Check {
  return (value, caller) => {
    if (!(typeof value === 'number' && Number.isFinite(value) && isRight(value)))
      throw usageError(caller, expected, value);
  };
}

function count(least: number): Check {
  return number(
    `a whole number ≥ ${least}`,
    (value) => Number.isSafeInteger(value) && value >= least,
  );
}

function matching(pattern: RegExp, expected: string): Check {
  return (value, caller) => {
    if (!(typeof value === 'string' && pattern.test(value)))
      throw usageError(caller, expected, value);
  };
}

const weight = number('a weight ≥ 0', (value) => value >= 0);

const alpha = number('alpha > 0', (value) => value > 0);

/** A value that the augmentation itself checks. */
const anything: Check = () => {};

const boolean: Check = (value, caller) => {
  if (typeof value !== 'boolean') throw usageError(caller, 'true or false', value);
};

const loader: Check = (value, caller) => {
  if (typeof value !== 'function')
    throw usageError(
      caller,
      'a function that loads { train, test, source }',
      value,
      'loadCifar10 of @kd/data/node is one',
    );
};

const architecture: Check = (value, caller) => void chooseName(architectures, value, caller);

function named(name: string): Check {
  return (value, caller) => void chooseName({ [name]: 0 }, value, caller);
}

const network: Check = fields(
  { architecture, epochs: count(1) },
  {
    peakRate: number('a learning rate > 0', (value) => value > 0),
    clipNorm: number('a norm > 0', (value) => value > 0),
    size: count(1),
  },
);

const share = number('a share from 0 to 1', (value) => value >= 0 && value <= 1);

const augmentation: Check = (value, caller) => {
  fields(
    { padding: count(0), flip: boolean, views: count(1) },
    {
      randomResizedCrop: fields({}, { scale: anything, ratio: anything, interpolation: anything }),
      randAugment: fields(
        {},
        {
          operations: anything,
          magnitude: anything,
          magnitudeBins: anything,
          interpolation: anything,
        },
      ),
      colorJitter: fields(
        {},
        { brightness: anything, contrast: anything, saturation: anything, hue: anything },
      ),
      randomErasing: fields(
        {},
        { probability: anything, scale: anything, ratio: anything, value: anything },
      ),
      mixing: fields({}, { mixup: alpha, cutmix: alpha }),
    },
  )(value, caller);
  try {
    createAugmentation(value as Augmentation);
  } catch (error) {
    throw new UsageError(`${caller}: ${(error as Error).message}`);
  }
};

const optimizer: Check = (value, caller) => {
  const name = typeof value === 'object' && value !== null && 'name' in value ? value.name : value;
  const kind = chooseName({ sgd: 0, adam: 0 }, name, `${caller}.name`);
  const common = { name: () => {}, batchSize: count(1) };
  const sgd = { momentum: share, weightDecay: weight, rise: share };
  fields(kind === 'adam' ? common : { ...common, ...sgd })(value, caller);
};

const seeds: Check = (value, caller) => {
  const isSeed = (seed: unknown) =>
    typeof seed === 'number' && Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32;
  const isRight =
    Array.isArray(value) &&
    value.length > 0 &&
    value.every(isSeed) &&
    new Set(value).size === value.length;
  if (!isRight)
    throw usageError(caller, 'a list of different whole numbers from 0 to 2³² − 1', value);
};
