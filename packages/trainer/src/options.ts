import {
  type DataLoader,
  ensure,
  expectedError,
  type Network,
  type Objective,
  type OptimizerFactory,
  type ProcessGroup,
  type Schedule,
  type Shard,
  type Store,
  type Teacher,
  toSchedule,
} from '@kd/core';
import { getGradient } from '@tensorflow/tfjs-core';
import type { LabelledImages } from './metrics.ts';
import type { EmaOptions } from './optimizers/ema.ts';
import type { EpochReport, StepReport } from './reports.ts';

/** Criterion for the best epoch. */
export type BestBy = 'accuracy' | 'balancedAccuracy' | 'agreement' | 'loss';

/** Options of `train`. */
export interface TrainOptions {
  /** Trained in place; it still belongs to the caller. */
  readonly student: Network;
  /** The loss to minimize; its weights, if it has any, are trained too. */
  readonly objective: Objective;
  readonly data: DataLoader;
  /** Required if a term of the objective needs one. */
  readonly teacher?: Teacher | undefined;
  /** One optimizer is created for the whole training. */
  readonly optimizer: OptimizerFactory;
  /**
   * Learning rate ≥ 0, or its schedule, which is evaluated at k / n in step k of n: 0 in the first
   * step, just below 1 in the last.
   */
  readonly learningRate: number | Schedule;
  /**
   * Factor ≥ 0 of the learning rate, a function of the reports of all earlier epochs, such as
   * `reduceOnPlateau` of @kd/core.
   */
  readonly learningRateFactor?: ((history: readonly EpochReport[]) => number) | undefined;
  /** Total number of epochs, including those before a resume; a whole number ≥ 1. */
  readonly epochs: number;
  /** Upper bound of the norm of all gradients together, > 0. */
  readonly clipNorm?: number | undefined;
  /**
   * Decay of an exponential moving average of the weights, 0 ≤ d < 1, or its options. The
   * validation, `best.safetensors` and the student after the training then have the averaged
   * weights.
   */
  readonly ema?: number | EmaOptions | undefined;
  /**
   * Evaluated after each epoch. If none of its images has a label, the teacher's answers stand in
   * for them, and the metrics say so by `agreement`.
   */
  readonly validation?: DataLoader | undefined;
  /**
   * The teacher whose answers stand in for the labels of the validation; `teacher` by default. A
   * cached teacher knows the training images alone.
   */
  readonly validationTeacher?: Teacher | undefined;
  /**
   * Criterion for the best epoch, measured on the validation data if there are any, else on the
   * training data: `accuracy` by default; without labels `agreement` with the teacher, or `loss` if
   * there is none. `balancedAccuracy`, in which rare classes count as much as common ones, needs a
   * validation.
   */
  readonly bestBy?: BestBy | undefined;
  /** Number of epochs in a row without improvement after which the training stops. */
  readonly patience?: number | undefined;
  /**
   * Seed of the random numbers of each step (dropout), a whole number ≥ 0; 0. They depend on it and
   * on the number of the step alone, so that a resumed training has the same ones.
   */
  readonly seed?: number | undefined;
  /**
   * Store for `last.safetensors` (the whole state, after each epoch and on interruption) and
   * `best.safetensors` (the weights of the best epoch).
   */
  readonly store?: Store | undefined;
  /** Continues from the store's `last.safetensors`, or starts from the beginning without one. */
  readonly resume?: boolean | undefined;
  /**
   * Stops the training after the current step: `train` saves and throws `TrainingInterruptedError`.
   */
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: ((step: StepReport) => void) | undefined;
  /** Settings of your own, as JSON: kept in the checkpoint; resuming with other ones is refused. */
  readonly config?: Readonly<Record<string, unknown>> | undefined;
  /**
   * `engine.group` of @kd/engine: processes that train one student together. `data` is then this
   * process's shard of every batch (`shard: engine.group`). Gradients, losses and the running
   * averages of batch normalization are those of the whole batch; all processes have the same
   * weights (at the start those of process 0) and reports, and process 0 alone reads and writes the
   * store. The validation may be a shard as well; otherwise every process evaluates all of it.
   */
  readonly group?: ProcessGroup | undefined;
}

/** `TrainOptions` after all checks, with the defaults filled in. */
export interface ResolvedTrainOptions {
  readonly student: Network;
  readonly objective: Objective;
  readonly data: DataLoader;
  readonly teacher: Teacher | undefined;
  readonly optimizer: OptimizerFactory;
  readonly learningRate: Schedule;
  readonly learningRateFactor: ((history: readonly EpochReport[]) => number) | undefined;
  readonly epochs: number;
  readonly clipNorm: number | undefined;
  readonly ema: EmaOptions | undefined;
  readonly validation: DataLoader | undefined;
  /** Present if the validation has no labels. */
  readonly validationTeacher: Teacher | undefined;
  readonly bestBy: BestBy;
  /** `Infinity` by default. */
  readonly patience: number;
  readonly seed: number;
  readonly store: Store | undefined;
  readonly resume: boolean;
  readonly signal: AbortSignal | undefined;
  readonly onStep: (step: StepReport) => void;
  readonly config: Readonly<Record<string, unknown>>;
  readonly group: ProcessGroup | undefined;
}

/** Checks the options of a training and fills in the defaults. @throws RangeError */
export function resolveOptions(options: TrainOptions): ResolvedTrainOptions {
  checkNumbers(options);
  checkData(options);
  checkLabels(options);
  checkCriterion(options);
  checkShards(options);
  ensure(
    options.group === undefined || options.objective.needsIndices !== true,
    'train',
    'an objective without a memory of images in a group',
    'one',
    'train in one process, or use a term without a memory: infoNce in place of crd',
  );
  ensure(
    options.resume !== true || options.store !== undefined,
    'train',
    'a store to resume from',
    'nothing',
    'pass store: directoryStore(directory)',
  );
  const { ema, learningRate } = options;
  return {
    student: options.student,
    objective: options.objective,
    data: options.data,
    teacher: options.teacher,
    optimizer: options.optimizer,
    learningRate: toSchedule(learningRate),
    learningRateFactor: options.learningRateFactor,
    epochs: options.epochs,
    clipNorm: options.clipNorm,
    ema: typeof ema === 'number' ? { decay: ema } : ema,
    validation: options.validation,
    validationTeacher: standInTeacher(options),
    bestBy: options.bestBy ?? defaultCriterion(options),
    patience: options.patience ?? Number.POSITIVE_INFINITY,
    seed: options.seed ?? 0,
    store: options.store,
    resume: options.resume ?? false,
    signal: options.signal,
    onStep: options.onStep ?? (() => {}),
    config: options.config ?? {},
    group: options.group,
  };
}

function checkNumbers({ epochs, clipNorm, patience, seed = 0 }: TrainOptions): void {
  ensure(
    getGradient('Add') !== undefined,
    'train',
    'gradients',
    'none',
    'startEngine() of @kd/engine registers them',
  );
  ensure(
    Number.isInteger(epochs) && epochs >= 1,
    'train',
    'epochs to be a whole number ≥ 1',
    epochs,
  );
  ensure(clipNorm === undefined || clipNorm > 0, 'train', 'clipNorm > 0', clipNorm, '1 is usual');
  ensure(
    patience === undefined || (Number.isInteger(patience) && patience >= 1),
    'train',
    'patience to be a whole number ≥ 1',
    patience,
  );
  ensure(Number.isSafeInteger(seed) && seed >= 0, 'train', 'seed to be a whole number ≥ 0', seed);
}

function checkData({ objective, teacher, data, validation }: TrainOptions): void {
  ensure(
    !objective.needsTeacher || teacher !== undefined,
    'train',
    'a teacher, which the objective needs',
    'nothing',
    'pass teacher: networkTeacher(network), or an objective without its terms',
  );
  ensure(
    data.batchesPerEpoch >= 1,
    'train',
    `at least one batch of ${data.dataset.name}`,
    data.batchesPerEpoch,
    'use a smaller batchSize',
  );
  const classes = data.dataset.classNames.length;
  const validationClasses = validation?.dataset.classNames.length;
  ensure(
    validationClasses === undefined || validationClasses === classes,
    'train',
    `validation with ${classes} classes, as in training`,
    validationClasses,
  );
}

/** Which images of some data have labels. */
export function labelsOf({ size, labelledImages = size }: DataLoader): LabelledImages {
  if (labelledImages === 0) return 'none';
  return labelledImages < size ? 'some' : 'all';
}

function checkLabels({ data, validation, objective, ...options }: TrainOptions): void {
  const { needsLabels = [] } = objective;
  ensure(
    needsLabels.length === 0 || labelsOf(data) === 'all',
    'train',
    `a label for every image of ${data.dataset.name}, which ${needsLabels.join(', ')} needs`,
    `${data.labelledImages} of ${data.size}`,
    'train on the labelled images alone, or with crossEntropy and softTargets',
  );
  const teacher = options.validationTeacher ?? options.teacher;
  ensure(
    validation === undefined || labelsOf(validation) !== 'none' || teacher !== undefined,
    'train',
    `a validation with labels, or a teacher whose answers stand in for them`,
    `${validation?.dataset.name} without either`,
    'leave validation out: the best epoch is then that of the least loss',
  );
}

/** The data on which epochs are compared have labels. */
function isLabelled({ data, validation = data }: TrainOptions): boolean {
  return labelsOf(validation) !== 'none';
}

function standInTeacher(options: TrainOptions): Teacher | undefined {
  const { validation, validationTeacher, teacher } = options;
  return validation === undefined || isLabelled(options)
    ? undefined
    : (validationTeacher ?? teacher);
}

function defaultCriterion(options: TrainOptions): BestBy {
  if (isLabelled(options)) return 'accuracy';
  return standInTeacher(options) === undefined && options.teacher === undefined
    ? 'loss'
    : 'agreement';
}

function checkCriterion(options: TrainOptions): void {
  const { bestBy, validation, teacher } = options;
  const expectFor = (isMeasured: boolean, expected: string, remedy: string) =>
    ensure(isMeasured, 'train', `${expected} for bestBy '${bestBy}'`, 'none', remedy);
  switch (bestBy) {
    case undefined:
    case 'loss':
      return;
    case 'accuracy':
      expectFor(isLabelled(options), 'labels', "bestBy 'agreement' compares with the teacher");
      return;
    case 'balancedAccuracy':
      expectFor(
        validation !== undefined && isLabelled(options),
        'a validation with labels',
        'pass validation: trainValidationSplit of @kd/data makes one',
      );
      return;
    case 'agreement':
      expectFor(
        !isLabelled(options) && (validation !== undefined || teacher !== undefined),
        'a teacher and data without labels',
        "bestBy 'accuracy' compares with the labels",
      );
      return;
    default:
      throw expectedError(
        'train',
        "bestBy 'accuracy', 'balancedAccuracy', 'agreement' or 'loss'",
        bestBy satisfies never,
      );
  }
}

function checkShards({ data, validation, group }: TrainOptions): void {
  const remedy = 'pass shard: engine.group to dataLoader, and group: engine.group to train';
  const expected = describeShard(group);
  const check = (name: string, shard: Shard | undefined) =>
    ensure(
      describeShard(shard) === expected,
      'train',
      `${name} to be ${expected}`,
      describeShard(shard),
      remedy,
    );
  check('data', data.shard);
  if (validation?.shard !== undefined) check('validation', validation.shard);
  if (group === undefined) return;
  const last = data.size - (data.batchesPerEpoch - 1) * data.batchSize;
  const smallest = Math.min(data.batchSize, last);
  ensure(
    smallest >= group.size,
    'train',
    `an image for each of ${group.size} processes in every batch`,
    smallest,
    'dropLast leaves out a smaller last batch',
  );
}

function describeShard(shard: Shard | undefined): string {
  return shard === undefined ? 'whole' : `shard ${shard.rank} of ${shard.size}`;
}
