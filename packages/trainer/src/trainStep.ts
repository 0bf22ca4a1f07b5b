import {
  type Batch,
  compile,
  ensure,
  expectedError,
  hashName,
  type LossInputs,
  type Network,
  type Objective,
  type Outputs,
  type ProcessGroup,
  randomUint32,
  type Shard,
  type Teacher,
} from '@kd/core';
import { shardRange } from '@kd/core/internal';
import * as tf from '@tensorflow/tfjs-core';
import { disposeOutputs, predict } from './evaluate.ts';
import {
  type Comparison,
  isComparison,
  type LabelledImages,
  metricNames,
  RESERVED_METRICS,
  type RunningMetrics,
} from './metrics.ts';
import { clipByGlobalNorm } from './optimizers/clip.ts';
import { allReduce, trackBuffers } from './processGroup.ts';
import { openMetrics, type TrainState } from './trainState.ts';

/** Options of `trainStep`. */
export interface TrainStepOptions {
  /** Number of classes of the data. */
  readonly classes: number;
  /** Evaluated on every batch; required if a term of the objective needs one. */
  readonly teacher?: Teacher | undefined;
  /** Upper bound of the norm of all gradients together, > 0. */
  readonly clipNorm?: number | undefined;
  /** Which images have labels, for the metrics: `all` by default. */
  readonly labels?: LabelledImages | undefined;
  /** Processes that compute the other shards of each batch. */
  readonly group?: ProcessGroup | undefined;
}

/** Values that change from step to step. */
export interface StepOptions {
  readonly learningRate: number;
  /**
   * Fraction of the training before this step, 0–1, at which the objective's schedules are taken.
   */
  readonly progress: number;
  /** Number of the step in its epoch, from 1; named in the error on a loss that is not finite. */
  readonly step: number;
  /** Number of steps of the whole training before this one. */
  readonly stepsBefore: number;
  /** Seed of the training; it and `stepsBefore` determine the step's random numbers. */
  readonly seed: number;
  /** In a group: images of the whole batch, and whether this process wants to stop. */
  readonly shard?: Shard & { readonly images: number; readonly stopRequested: boolean };
}

/** Results of a step; the caller disposes of them. */
export interface StepResult {
  readonly total: tf.Scalar;
  /** In a group, [1]: number of processes that want to stop; all stop after the same step. */
  readonly stopRequests?: tf.Tensor1D;
}

/** Trains on one batch, which still belongs to its data loader. */
export type TrainStep = (batch: Batch, options: StepOptions) => Promise<StepResult>;

/**
 * Creates the training step of a state: teacher, forward pass, objective, gradients of exactly the
 * trainable weights, clipping, update, moving averages and metrics.
 *
 *     const state = createTrainState({ student, objective, optimizer: adam() });
 *     const step = trainStep(state, { classes: 10, teacher: networkTeacher(teacher) });
 *     const { total } = await step(batch, { learningRate, progress, step: 1, stepsBefore: 0, seed
 *     });
 *
 * All but the teacher is one compiled call of the engine, which reads nothing back. The first call
 * validates the student and the objective against the batch.
 */
export function trainStep(state: TrainState, options: TrainStepOptions): TrainStep {
  const { classes, teacher, clipNorm } = options;
  let run: CompiledStep | undefined;
  return async (batch, stepOptions) => {
    const inputs = await stepInputs(batch, state.objective, teacher, stepOptions);
    try {
      if (run === undefined) {
        const terms = validateStep(state, inputs, classes);
        const { labels = 'all' } = options;
        const names = metricNames(terms, clipNorm, comparisonsOf(labels, inputs, classes));
        run = compileStep(state, openMetrics(state, names), options);
      }
      return await run(inputs);
    } finally {
      disposeStepInputs(inputs);
    }
  };
}

/** Everything that changes from step to step, as tensors: the arguments of the compiled step. */
export interface StepInputs {
  readonly images: tf.Tensor4D;
  readonly labels: tf.Tensor1D;
  /** `Batch.targets`. */
  readonly targets?: tf.Tensor2D;
  readonly teacher?: Outputs;
  /** Values of the objective's schedules. */
  readonly scheduledValues: Readonly<Record<string, tf.Scalar>>;
  readonly learningRate: tf.Scalar;
  /** Number of the step in its epoch, from 1. */
  readonly step: tf.Scalar;
  /** int32 [2], for `ForwardOptions.seed` and `LossInputs.seed`. */
  readonly seed: tf.Tensor1D;
  /** For `LossInputs.indices`, if the objective needs them. */
  readonly indices?: tf.Tensor1D;
  /** Present if the images are a shard of the batch. */
  readonly shard?: {
    /** Images of the shard / images of the batch. */
    readonly share: tf.Scalar;
    /** Images of the batch. */
    readonly images: tf.Scalar;
    /** [1]: 1 if this process wants to stop, else 0. */
    readonly stopRequest: tf.Tensor1D;
  };
}

/** Evaluates the teacher and creates the tensors of a step, for `disposeStepInputs`. */
export async function stepInputs(
  batch: Batch,
  objective: Objective,
  teacher: Teacher | undefined,
  options: StepOptions,
): Promise<StepInputs> {
  const { learningRate, progress, step, shard } = options;
  await expectLabels(batch, objective);
  const teacherOutputs = teacher === undefined ? {} : { teacher: await predict(teacher, batch) };
  return {
    images: batch.images,
    labels: batch.labels,
    ...(batch.targets === undefined ? {} : { targets: batch.targets }),
    ...teacherOutputs,
    scheduledValues: Object.fromEntries(
      Object.entries(objective.schedules).map(([name, schedule]) => [
        name,
        tf.scalar(schedule(progress)),
      ]),
    ),
    learningRate: tf.scalar(learningRate),
    step: tf.scalar(step),
    seed: tf.tensor1d(stepSeed(options), 'int32'),
    ...(objective.needsIndices === true ? { indices: tf.tensor1d(batch.indices, 'int32') } : {}),
    ...(shard === undefined ? {} : { shard: shardInputs(batch, shard) }),
  };
}

/**
 * Throws on a batch that a term of the objective would misunderstand: images without a label or
 * mixed images, for terms that need one label for each; mixed images, for terms that remember
 * images by their indices.
 */
async function expectLabels(
  { labels, targets, indices }: Batch,
  { needsLabels = [], needsIndices }: Objective,
): Promise<void> {
  ensure(
    targets === undefined || needsIndices !== true,
    'train',
    'images that are not mixed, since a term of the objective remembers images',
    'mixed ones',
    'train without mixup and cutmix, or leave the term out',
  );
  if (needsLabels.length === 0) return;
  const expected = `one label for every image, which ${needsLabels.join(', ')} needs`;
  ensure(
    targets === undefined,
    'train',
    expected,
    'mixed images',
    'train without mixup and cutmix, or with crossEntropy and softTargets',
  );
  const at = (await labels.data()).findIndex((label) => label < 0);
  ensure(
    at < 0,
    'train',
    expected,
    `none for image ${indices[at]}`,
    'train on the labelled images alone, or with crossEntropy and softTargets',
  );
}

function shardInputs(
  { indices }: Batch,
  { rank, size, images, stopRequested }: NonNullable<StepOptions['shard']>,
): NonNullable<StepInputs['shard']> {
  const { from, to } = shardRange(images, { rank, size });
  ensure(
    indices.length === to - from,
    'train',
    `${to - from} of ${images} images in shard ${rank} of ${size}`,
    indices.length,
  );
  return {
    share: tf.scalar(indices.length / images),
    images: tf.scalar(images),
    stopRequest: tf.tensor1d([stopRequested ? 1 : 0]),
  };
}

/** Random words of a step, so that a resumed training has those of an uninterrupted one. */
function stepSeed({ seed, stepsBefore, shard }: StepOptions): Int32Array {
  // The text names the random stream: another one gives other numbers.
  const stream = hashName(
    shard === undefined || shard.rank === 0 ? 'step' : `step of shard ${shard.rank}`,
  );
  return Int32Array.of(
    randomUint32(seed, stream, 2 * stepsBefore),
    randomUint32(seed, stream, 2 * stepsBefore + 1),
  );
}

/** Frees the inputs of a step, but not the batch. */
export function disposeStepInputs(inputs: StepInputs): void {
  const { teacher, scheduledValues, learningRate, step, seed, indices, shard } = inputs;
  if (teacher !== undefined) disposeOutputs(teacher);
  tf.dispose([
    ...Object.values(scheduledValues),
    learningRate,
    step,
    seed,
    ...(indices === undefined ? [] : [indices]),
    ...Object.values(shard ?? {}),
  ]);
}

/** A compiled step; it does not block the event loop if the engine can compute outside of it. */
export type CompiledStep = (inputs: StepInputs) => Promise<StepResult>;

/**
 * Compiles a step to one function of tensors. Everything it changes is an assignment to a variable.
 */
export function compileStep(
  state: TrainState,
  metrics: RunningMetrics,
  { clipNorm, group }: Pick<TrainStepOptions, 'clipNorm' | 'group'>,
): CompiledStep {
  const { optimizer, ema } = state;
  const run = compile((inputs: StepInputs & Record<string, tf.TensorContainer>) =>
    tf.tidy(() => {
      const { values, gradients, stopRequests } = computeGradients(state, metrics, inputs, group);
      const clipped = clipNorm === undefined ? undefined : clipByGlobalNorm(gradients, clipNorm);
      optimizer.apply(clipped?.gradients ?? gradients, inputs.learningRate);
      ema?.update();
      const all =
        clipped === undefined ? values : tf.concat1d([values, tf.reshape(clipped.norm, [1])]);
      metrics.add(all, inputs.shard?.images ?? inputs.labels.size, inputs.step);
      const at = metrics.names.indexOf('total');
      const total = tf.reshape<tf.Rank.R0>(tf.slice1d(values, at, 1), []);
      return { total, ...(stopRequests === undefined ? {} : { stopRequests }) };
    }),
  );
  return (inputs) => run.callAsync(inputs as StepInputs & Record<string, tf.TensorContainer>);
}

interface Gradients {
  /** [terms in the order of the metrics, total, comparisons], means over the images. */
  readonly values: tf.Tensor1D;
  readonly gradients: Readonly<Record<string, tf.Tensor>>;
}

/** Gradients of the whole batch; in a group they are summed over the shards of the processes. */
function computeGradients(
  state: TrainState,
  metrics: RunningMetrics,
  inputs: StepInputs,
  group: ProcessGroup | undefined,
): Gradients & { readonly stopRequests?: tf.Tensor1D } {
  const { shard } = inputs;
  if (group === undefined || shard === undefined)
    return differentiate(state, metrics, inputs, undefined);
  const changedBuffers = trackBuffers([state.student.weights, state.objective.weights]);
  const { values, gradients } = differentiate(state, metrics, inputs, group);
  const buffers = changedBuffers();
  const own = [values, ...buffers].map((tensor) => tf.mul(tensor, shard.share));
  const names = Object.keys(gradients);
  const [stopRequests, means, ...others] = allReduce(group, [
    shard.stopRequest,
    ...own,
    ...Object.values(gradients),
  ]) as [tf.Tensor1D, tf.Tensor1D, ...tf.Tensor[]];
  buffers.forEach((buffer, at) => {
    buffer.assign(others[at] as tf.Tensor);
  });
  return {
    values: means,
    gradients: Object.fromEntries(
      names.map((name, at) => [name, others[buffers.length + at] as tf.Tensor]),
    ),
    stopRequests,
  };
}

/**
 * Gradients of the batch, or of the shard's share of the total, so that their sum over all shards
 * is that of the whole batch. All tensors live in the caller's tidy.
 */
function differentiate(
  { student, objective, trainable }: TrainState,
  metrics: RunningMetrics,
  inputs: StepInputs,
  group: ProcessGroup | undefined,
): Gradients {
  const kept: tf.Tensor1D[] = [];
  try {
    const { grads } = tf.variableGrads(() => {
      const outputs = student.forward(inputs.images, { training: true, seed: inputs.seed });
      const { total, terms } = objective(lossInputs(inputs, outputs, group));
      const at = metrics.names.indexOf('total');
      const named = metrics.names.slice(0, at).map((name) => terms[name] as tf.Scalar);
      const comparisons = metrics.names
        .slice(at + 1)
        .filter(isComparison)
        .map((name) => compare(name, outputs.logits, inputs));
      kept.push(tf.keep(tf.stack([...named, total, ...comparisons]) as tf.Tensor1D));
      return inputs.shard === undefined ? total : tf.mul(total, inputs.shard.share);
    }, Object.values(trainable));
    const gradients: Record<string, tf.Tensor> = {};
    for (const [name, variable] of Object.entries(trainable)) {
      const gradient = grads[variable.name];
      if (gradient !== undefined && gradient !== null) gradients[name] = gradient;
    }
    // variableGrads frees what is not kept; the clone hands the kept tensor to the caller's tidy.
    return { values: tf.concat1d(kept.map((tensor) => tf.clone(tensor))), gradients };
  } catch (error) {
    clearGradientTape();
    throw error;
  } finally {
    tf.dispose(kept);
  }
}

function lossInputs(
  inputs: StepInputs,
  student: Outputs,
  group: ProcessGroup | undefined,
): LossInputs {
  const { labels, targets, teacher, scheduledValues, seed, indices } = inputs;
  return {
    labels,
    student,
    scheduledValues,
    seed,
    ...(group && { sumOverShards: (values) => group.allReduceSum(values) }),
    ...(targets && { targets }),
    ...(teacher && { teacher }),
    ...(indices && { indices }),
  };
}

/**
 * The comparisons that a batch of these images allows: with the labels where there are any, else
 * with the teacher.
 */
function comparisonsOf(
  labels: LabelledImages,
  { teacher }: StepInputs,
  classes: number,
): readonly Comparison[] {
  switch (labels) {
    case 'all':
      return ['accuracy'];
    case 'some':
      return ['accuracy', 'labelled'];
    case 'none':
      return teacher?.logits.shape[1] === classes ? ['agreement'] : [];
    default:
      throw expectedError('trainStep', "labels 'all', 'some' or 'none'", labels satisfies never);
  }
}

/** Mean over the images of a shard or a batch. */
function compare(name: Comparison, logits: tf.Tensor2D, inputs: StepInputs): tf.Scalar {
  const share = (isSo: tf.Tensor): tf.Scalar => tf.mean(tf.cast(isSo, 'float32'));
  const predicted = tf.argMax(logits, 1);
  switch (name) {
    case 'accuracy':
      return share(tf.equal(predicted, tf.cast(inputs.labels, 'int32')));
    case 'labelled':
      return share(tf.greaterEqual(inputs.labels, 0));
    case 'agreement':
      return share(tf.equal(predicted, tf.argMax((inputs.teacher as Outputs).logits, 1)));
    default:
      throw expectedError('trainStep', 'a comparison', name satisfies never);
  }
}

/** Frees what TensorFlow.js leaves behind if a gradient fails: the activations on its tape. */
function clearGradientTape(): void {
  const { state } = tf.engine();
  if (state.gradientDepth > 0) return;
  for (const { saved = [] } of state.activeTape ?? []) for (const tensor of saved) tensor.dispose();
  state.activeTape = [];
}

/**
 * Runs the student and the objective once and changes nothing.
 * @returns Names of the terms. @throws RangeError if the student or the objective do not fit the
 * data.
 */
function validateStep(
  { student, objective }: { readonly student: Network; readonly objective: Objective },
  inputs: StepInputs,
  classes: number,
): string[] {
  return tf.tidy(() => {
    const outputs = student.forward(inputs.images, { training: false });
    const [, logits] = outputs.logits.shape;
    if (outputs.logits.rank !== 2 || logits !== classes) {
      throw expectedError(
        'train',
        `a student with a logit for each of the ${classes} classes`,
        `logits of shape [${outputs.logits.shape.join(', ')}]`,
      );
    }
    const { total, terms } = preservingVariables(objective.weights, () =>
      objective(lossInputs(inputs, outputs, undefined)),
    );
    const reserved = Object.keys(terms).find((name) => RESERVED_METRICS.includes(name));
    if (reserved !== undefined)
      throw expectedError('train', `terms not named ${RESERVED_METRICS.join(', ')}`, reserved);
    for (const [name, value] of Object.entries<tf.Tensor>({ ...terms, total })) {
      if (value.rank !== 0)
        throw expectedError(
          'train',
          `one number for ${name}`,
          `shape [${value.shape.join(', ')}]`,
          'take the mean over the batch',
        );
    }
    return Object.keys(terms);
  });
}

/**
 * Runs something that may assign variables (a loss with a memory does) and restores their values.
 * Call it in a tidy.
 */
function preservingVariables<Result>(
  variables: Readonly<Record<string, tf.Variable>>,
  run: () => Result,
): Result {
  const saved = Object.values(variables).map((variable) => ({
    variable,
    value: tf.clone<tf.Tensor>(variable),
  }));
  const result = run();
  for (const { variable, value } of saved)
    if (variable.dataId !== value.dataId) variable.assign(value);
  return result;
}
