import { ensure, type Optimizer, type Schedule, toSchedule } from '@kd/core';
import type { Variable } from '@tensorflow/tfjs-core';
import {
  expectSameSettings,
  LAST,
  readCheckpoint,
  type Settings,
  writeCheckpoint,
} from '../checkpoints/checkpoint.ts';
import { prefixed } from '../checkpoints/weights.ts';
import { evaluator } from '../evaluate.ts';
import type { EvaluationResult } from '../evaluation.ts';
import { type FromFirst, fromFirst } from '../group/fromFirst.ts';
import { shareWeights } from '../group/shareWeights.ts';
import { type ExponentialMovingAverage, ema } from '../optimizers/averageWeights.ts';
import { settingsOf } from './settings.ts';
import type { Feed, StepResult } from './step.ts';
import { RunningSums } from './sums.ts';
import type { EpochReport, TrainingPosition, TrainOptions } from './types.ts';

/**
 * Everything a run is made of; what moves between steps (and is no tensor) moves here and nowhere
 * else.
 */
export interface Run {
  readonly options: TrainOptions;
  readonly learningRate: Schedule;
  readonly settings: Settings;
  readonly trainable: Readonly<Record<string, Variable>>;
  readonly optimizer: Optimizer;
  readonly average: ExponentialMovingAverage | undefined;
  readonly evaluate: (source: NonNullable<TrainOptions['validation']>) => Promise<EvaluationResult>;
  readonly history: EpochReport[];
  /** In a group. */
  readonly fromFirst: FromFirst | undefined;
  position: TrainingPosition;
  images: number;
  seconds: number;
  firstRows: readonly number[];
  /** Made at the first step, when the terms' names are known, or from the checkpoint. */
  sums: RunningSums | undefined;
  /** Made at the first step. */
  step: ((feed: Feed) => Promise<StepResult>) | undefined;
  /** In a group: whether one of the processes wished to stop at the last step. */
  stops: boolean | undefined;
}

/** Makes optimizer and averages, or takes them up from the store's checkpoint. */
export async function openRun(options: TrainOptions): Promise<Run> {
  const {
    student,
    objective,
    store,
    resume = false,
    ema: averageDecay,
    learningRate,
    optimizer,
    group,
    validation,
  } = options;
  const settings = store === undefined ? {} : await settingsOf(options);
  const resumed = resume && store !== undefined ? await readCheckpoint(store) : undefined;
  if (resumed !== undefined && store !== undefined) {
    expectSameSettings(store.location, resumed.settings, settings);
    await expectSameOrder(options, resumed.state.firstRows, store.location);
  }
  const trainable = trainableOf(student.weights, objective.weights);
  const decay = typeof averageDecay === 'number' ? { decay: averageDecay } : averageDecay;
  const {
    position = { epoch: 0, step: 0 },
    images = 0,
    seconds = 0,
    history = [],
    firstRows = [],
    sumNames = [],
  } = resumed?.state ?? {};
  const run: Run = {
    options,
    learningRate: toSchedule(learningRate),
    settings,
    trainable,
    optimizer: optimizer(trainable),
    average: decay === undefined ? undefined : ema(student.weights, decay),
    evaluate: evaluator(student, validation?.shard && group),
    history: [...history],
    fromFirst: group === undefined ? undefined : fromFirst(group),
    position,
    images,
    seconds,
    firstRows,
    sums: sumNames.length > 0 ? new RunningSums(sumNames) : undefined,
    step: undefined,
    stops: undefined,
  };
  try {
    resumed?.restore(weightsOf(run));
    if (group !== undefined) shareWeights(group, weightsOf(run));
  } catch (error) {
    closeRun(run);
    throw error;
  }
  return run;
}

/** The learning rate of a step of the epoch under way. */
export function rateOf(
  { learningRate, history, options: { learningRateFactor } }: Run,
  progress: number,
): number {
  return learningRate(progress) * (learningRateFactor?.(history) ?? 1);
}

/** All variables of a run by the names they have in a checkpoint. */
export function weightsOf(run: Run): Record<string, Variable> {
  const { student, objective } = run.options;
  return {
    ...prefixed('student.', student.weights),
    ...prefixed('objective.', objective.weights),
    ...prefixed('optimizer.', run.optimizer.weights),
    ...prefixed('average.', run.average?.weights ?? {}),
    ...prefixed('epoch.', run.sums?.weights ?? {}),
  };
}

/** Writes `last`; nothing where there is no store. */
export async function save(run: Run): Promise<void> {
  const { store } = run.options;
  if (store === undefined) return;
  const { position, images, seconds, history, firstRows, sums } = run;
  const state = { position, images, seconds, history, firstRows, sumNames: sums?.names ?? [] };
  await writeCheckpoint(store, weightsOf(run), state, run.settings);
}

/** Frees what the run made; the student and the objective stay. */
export function closeRun(run: Run): void {
  run.optimizer.dispose();
  run.average?.dispose();
  run.sums?.dispose();
}

/** The explicit list of what is trained: never the teacher's, never whatever else there is. */
function trainableOf(
  student: Readonly<Record<string, Variable>>,
  objective: Readonly<Record<string, Variable>>,
): Record<string, Variable> {
  const all = Object.entries({ ...student, ...prefixed('objective.', objective) });
  const clash = Object.keys(student).find((name) => name.startsWith('objective.'));
  ensure(
    clash === undefined,
    'train',
    'no student weight whose name starts with objective.',
    clash,
  );
  const trainable = all.filter(([, weight]) => weight.trainable);
  ensure(trainable.length > 0, 'train', 'a student with a trainable weight', 'none');
  return Object.fromEntries(trainable);
}

/** Of a batch's shards the first has the first rows, as many as there are. */
async function expectSameOrder(
  { data: batches }: TrainOptions,
  saved: readonly number[],
  place: string,
): Promise<void> {
  if (saved.length === 0 || (batches.shard !== undefined && batches.shard.rank > 0)) return;
  for await (const { indices } of batches.epoch(0)) {
    const rows = saved.slice(0, indices.length);
    const got = Array.from(indices.slice(0, rows.length));
    const remedy = 'give batches the seed they had';
    ensure(
      got.join() === rows.join(),
      'train',
      `rows ${rows.join(', ')} first, as in ${LAST} in ${place}`,
      got,
      remedy,
    );
    return;
  }
}
