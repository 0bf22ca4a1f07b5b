import { type Batch, ensure } from '@kd/core';
import { dispose } from '@tensorflow/tfjs-core';
import {
  BEST_FILE,
  type CheckpointSettings,
  checkpointSettings,
  expectSameTraining,
  loadCheckpoint,
  saveCheckpoint,
} from './checkpoint.ts';
import { createEvaluator, type Evaluator } from './evaluate.ts';
import type { Comparison, EvaluationResult, Metrics, MetricValues } from './metrics.ts';
import {
  type BestBy,
  labelsOf,
  type ResolvedTrainOptions,
  resolveOptions,
  type TrainOptions,
} from './options.ts';
import {
  type Broadcast,
  broadcastWeights,
  createBroadcast,
  rankZeroStore,
} from './processGroup.ts';
import { type EpochReport, TrainingInterruptedError } from './reports.ts';
import {
  createTrainState,
  disposeTrainState,
  stateVariables,
  type TrainState,
} from './trainState.ts';
import { type TrainStep, trainStep } from './trainStep.ts';
import { readVariables, saveVariables } from './variables.ts';
import { yieldToEventLoop } from './yieldToEventLoop.ts';

/** Time between two reads of the loss, and between two turns of the event loop, in milliseconds. */
const LOSS_INTERVAL = 500;
const YIELD_INTERVAL = 30;

/**
 * Trains a student in place and yields a report after each epoch.
 *
 * While the caller has control, the student has the weights of the last step, or with `ema` their
 * averages. The weights of the best epoch are in the store's `best.safetensors`, for
 * `loadVariables`. `last.safetensors` has the whole state: a resumed training continues as if it
 * had never stopped, to the last bit on the `cpu` engine.
 * @throws RangeError on options that do not fit, and if a loss term or a weight is no longer
 * finite; such weights are never saved.
 * @throws TrainingInterruptedError when the signal stops the training.
 */
export async function* train(options: TrainOptions): AsyncGenerator<EpochReport, void, undefined> {
  const resolved = resolveOptions(options);
  const { state, loop } = await openTraining(resolved);
  const swapAverages = () => state.ema?.swap();
  let isSwapped = false;
  try {
    while (!isDone(state, resolved)) {
      const report = await endEpoch(state, loop, await runSteps(state, loop));
      swapAverages();
      isSwapped = true;
      yield report;
      swapAverages();
      isSwapped = false;
    }
  } finally {
    if (!isSwapped) swapAverages();
    disposeTrainState(state);
  }
}

/** The part of a training that is not saved. */
interface Loop {
  readonly options: ResolvedTrainOptions;
  readonly settings: CheckpointSettings;
  readonly step: TrainStep;
  readonly evaluate: Evaluator;
  /** Present in a group. */
  readonly broadcast: Broadcast | undefined;
}

/** Creates the state, or restores it from the store's checkpoint. */
async function openTraining(
  resolved: ResolvedTrainOptions,
): Promise<{ readonly state: TrainState; readonly loop: Loop }> {
  const { student, data, validation, group } = resolved;
  const store = resolved.store && rankZeroStore(resolved.store, group);
  const options = { ...resolved, store };
  const settings = store === undefined ? {} : await checkpointSettings(options);
  const checkpoint =
    options.resume && store !== undefined ? await loadCheckpoint(store) : undefined;
  if (checkpoint !== undefined && store !== undefined)
    await expectSameTraining(checkpoint, settings, data, store.location);
  const state = createTrainState(options);
  try {
    checkpoint?.restore(state);
    if (group !== undefined) broadcastWeights(group, stateVariables(state));
  } catch (error) {
    disposeTrainState(state);
    throw error;
  }
  const loop = {
    options,
    settings,
    step: trainStep(state, {
      ...options,
      classes: data.dataset.classNames.length,
      labels: labelsOf(data),
    }),
    evaluate: createEvaluator(student, validation?.shard && group, options.validationTeacher),
    broadcast: group === undefined ? undefined : createBroadcast(group),
  };
  return { state, loop };
}

/** True after all epochs, or after `patience` epochs in a row without improvement. */
function isDone({ progress }: TrainState, { epochs, patience }: ResolvedTrainOptions): boolean {
  const sinceBest = progress.history.reduce((count, { isBest }) => (isBest ? 0 : count + 1), 0);
  return progress.position.epoch >= epochs || sinceBest >= patience;
}

/**
 * Runs the remaining steps of the current epoch. @returns Its metrics.
 * @throws TrainingInterruptedError when the signal stops the training, after saving.
 */
async function runSteps(state: TrainState, loop: Loop): Promise<MetricValues> {
  const { data, group, signal, onStep } = loop.options;
  const { epoch, step: firstStep } = state.progress.position;
  const steps = data.batchesPerEpoch;
  const readLoss = createLossReader(state);
  let lastYield = performance.now();
  let since = lastYield;
  const addSeconds = (now: number) => {
    const { progress } = state;
    state.progress = { ...progress, seconds: progress.seconds + (now - since) / 1000 };
    since = now;
  };
  if (group === undefined && signal?.aborted === true) await interrupt(state, loop);
  if (firstStep < steps) {
    for await (const batch of data.epoch(epoch, firstStep)) {
      const { learningRate, stopRequested } = await runStep(state, loop, batch);
      const now = performance.now();
      addSeconds(now);
      const loss = await readLoss(now);
      const { images, seconds, position } = state.progress;
      onStep({
        epoch: epoch + 1,
        step: position.step,
        steps,
        images,
        imagesPerSecond: images / seconds,
        learningRate,
        ...(loss === undefined ? {} : { loss }),
      });
      if (now - lastYield > YIELD_INTERVAL) {
        await yieldToEventLoop();
        lastYield = performance.now();
      }
      if (group === undefined ? signal?.aborted === true : stopRequested)
        await interrupt(state, loop);
    }
  }
  ensure(
    state.progress.position.step === steps,
    'train',
    `${steps} batches in epoch ${epoch + 1} of ${data.dataset.name}`,
    state.progress.position.step,
  );
  const metrics = await readMetrics(state);
  addSeconds(performance.now());
  return metrics;
}

/** Runs one step. `stopRequested`: one of the processes of the group wants to stop. */
async function runStep(
  state: TrainState,
  { options, step: run }: Loop,
  batch: Batch,
): Promise<{ readonly learningRate: number; readonly stopRequested: boolean }> {
  const { data, epochs, seed, group, signal } = options;
  const { position, firstIndices } = state.progress;
  const { epoch, step } = position;
  const stepsBefore = epoch * data.batchesPerEpoch + step;
  const progress = stepsBefore / (epochs * data.batchesPerEpoch);
  const learningRate = computeLearningRate(options, state.progress.history, progress);
  ensure(
    Number.isFinite(learningRate) && learningRate >= 0,
    'train',
    'a learning rate ≥ 0',
    `${learningRate} at progress ${progress}`,
  );
  const batchImages = Math.min(data.batchSize, data.size - step * data.batchSize);
  const stepOptions = { learningRate, progress, step: step + 1, stepsBefore, seed };
  const shard = group && {
    rank: group.rank,
    size: group.size,
    images: batchImages,
    stopRequested: signal?.aborted === true,
  };
  const result = await run(
    batch,
    shard === undefined ? stepOptions : { ...stepOptions, shard },
  ).catch((error) => explainFailure(state, options, error));
  const { total, stopRequests } = result;
  const stopRequested =
    stopRequests !== undefined && ((await stopRequests.data())[0] as number) > 0;
  dispose([total, stopRequests ?? []]);
  state.progress = {
    ...state.progress,
    position: { epoch, step: step + 1 },
    images: state.progress.images + (group === undefined ? batch.indices.length : batchImages),
    firstIndices: stepsBefore === 0 ? Array.from(batch.indices.slice(0, 16)) : firstIndices,
  };
  return { learningRate, stopRequested };
}

function computeLearningRate(
  { learningRate, learningRateFactor }: ResolvedTrainOptions,
  history: readonly EpochReport[],
  progress: number,
): number {
  return learningRate(progress) * (learningRateFactor?.(history) ?? 1);
}

/**
 * In a group the process that first reads a broken loss stops, and the others fail in the next
 * step: they throw the error about the loss as well.
 */
async function explainFailure(
  state: TrainState,
  { group }: ResolvedTrainOptions,
  error: unknown,
): Promise<never> {
  if (group !== undefined && state.progress.images > 0) await readMetrics(state);
  throw error;
}

/** Saves and throws; in a group all processes do after the same step. */
async function interrupt(state: TrainState, { options, settings }: Loop): Promise<never> {
  const { store } = options;
  if (state.progress.images > 0) await readMetrics(state);
  if (store !== undefined) await saveCheckpoint(store, state, settings);
  throw new TrainingInterruptedError(state.progress.position, store?.location);
}

/** Reads the mean total loss of the steps since the read before, about twice a second. */
function createLossReader(state: TrainState): (now: number) => Promise<number | undefined> {
  let lastRead = 0;
  let before = { images: 0, total: 0 };
  let loss: number | undefined;
  return async (now) => {
    if (now - lastRead < LOSS_INTERVAL) return loss;
    lastRead = now;
    const { images, means } = await readMetrics(state);
    const total = (means.total as number) * images;
    loss = (total - before.total) / (images - before.images);
    before = { images, total };
    return loss;
  };
}

/** Metrics of the current epoch so far. @throws RangeError on a value that is not finite. */
function readMetrics({ metrics, progress }: TrainState): Promise<MetricValues> {
  ensure(metrics !== undefined, 'train', 'a step before its metrics are read', 'none');
  return metrics.read(progress.images, progress.position.epoch + 1);
}

/**
 * Ends an epoch: validation and `best.safetensors` with the averaged weights, the report, and
 * `last.safetensors`.
 */
async function endEpoch(
  state: TrainState,
  loop: Loop,
  metrics: MetricValues,
): Promise<EpochReport> {
  const { store } = loop.options;
  const epoch = state.progress.position.epoch + 1;
  // The very last update can break the weights after the loss was computed.
  await readVariables('train', stateVariables(state), ` at epoch ${epoch}`);
  state.ema?.swap();
  let report: EpochReport;
  try {
    report = await createReport(state, loop, metrics);
  } finally {
    state.ema?.swap();
  }
  state.progress = {
    ...state.progress,
    history: [...state.progress.history, report],
    position: { epoch, step: 0 },
    images: 0,
    seconds: 0,
  };
  state.metrics?.clear();
  if (store !== undefined) await saveCheckpoint(store, state, loop.settings);
  return report;
}

async function createReport(
  { progress, student }: TrainState,
  loop: Loop,
  { images, means }: MetricValues,
): Promise<EpochReport> {
  const { data, epochs, store, validation, bestBy } = loop.options;
  const {
    accuracy,
    labelled = 1,
    agreement,
    gradientNorm,
    ...terms
  } = means as Partial<Record<Comparison | 'gradientNorm', number>> & { readonly total: number };
  const steps = data.batchesPerEpoch;
  const { epoch } = progress.position;
  const report = await shareReport(loop, {
    epoch: epoch + 1,
    steps,
    images,
    seconds: progress.seconds,
    imagesPerSecond: images / progress.seconds,
    learningRate: computeLearningRate(
      loop.options,
      progress.history,
      (epoch * steps + steps - 1) / (epochs * steps),
    ),
    terms,
    ...(accuracy === undefined || labelled === 0 ? {} : { accuracy: accuracy / labelled }),
    ...(agreement === undefined ? {} : { agreement }),
    ...(gradientNorm === undefined ? {} : { gradientNorm }),
    ...(validation === undefined
      ? {}
      : { validation: withoutClasses(await loop.evaluate(validation)) }),
    isBest: false,
  });
  const isBest = progress.history.every((earlier) => isBetter(bestBy, report, earlier));
  if (isBest && store !== undefined)
    await store.write(BEST_FILE, await saveVariables(student, { epoch: String(epoch + 1) }));
  return { ...report, isBest };
}

/** The report of process 0: those of the others differ in the measured seconds. */
async function shareReport({ broadcast }: Loop, report: EpochReport): Promise<EpochReport> {
  if (broadcast === undefined) return report;
  const bytes = await broadcast(async () => new TextEncoder().encode(JSON.stringify(report)));
  return JSON.parse(new TextDecoder().decode(bytes)) as EpochReport;
}

function isBetter(bestBy: BestBy, report: EpochReport, earlier: EpochReport): boolean {
  const isMore = (measure: (report: EpochReport) => number | undefined) =>
    (measure(report) ?? 0) > (measure(earlier) ?? 0);
  switch (bestBy) {
    case 'accuracy':
      return isMore(({ validation, accuracy }) => validation?.top1 ?? accuracy);
    case 'balancedAccuracy':
      return isMore(({ validation }) => validation?.balancedAccuracy);
    case 'agreement':
      return isMore(({ validation, agreement }) => validation?.agreement ?? agreement);
    case 'loss':
      return (
        (report.validation?.loss ?? totalLoss(report)) <
        (earlier.validation?.loss ?? totalLoss(earlier))
      );
    default:
      bestBy satisfies never;
      return false;
  }
}

function totalLoss({ terms }: EpochReport): number {
  return terms.total ?? Number.POSITIVE_INFINITY;
}

/**
 * Reports of all epochs are kept, and the confusion matrix of 1,000 classes has a million numbers.
 */
function withoutClasses({ confusion: _, recall: __, ...metrics }: EvaluationResult): Metrics {
  return metrics;
}
