import {
  ensure,
  type Network,
  type Objective,
  type Optimizer,
  type OptimizerFactory,
} from '@kd/core';
import type { Variable } from '@tensorflow/tfjs-core';
import { RunningMetrics } from './metrics.ts';
import { type EmaOptions, type ExponentialMovingAverage, ema } from './optimizers/ema.ts';
import { prefixed } from './optimizers/shared.ts';
import type { EpochReport, TrainingPosition } from './reports.ts';

/** All of a training that is saved: its variables and its progress. */
export interface TrainState {
  readonly student: Network;
  readonly objective: Objective;
  /**
   * The weights that the optimizer updates, by name; those of the objective as `objective.<name>`.
   */
  readonly trainable: Readonly<Record<string, Variable>>;
  readonly optimizer: Optimizer;
  readonly ema: ExponentialMovingAverage | undefined;
  /**
   * Metrics of the current epoch; created at the first step, when the names of the terms are known.
   */
  metrics: RunningMetrics | undefined;
  /** Replaced after every step and epoch. */
  progress: TrainProgress;
}

/** Progress of a training: all of its state that is no tensor. */
export interface TrainProgress {
  readonly position: TrainingPosition;
  /** Images and seconds of the current epoch so far. */
  readonly images: number;
  readonly seconds: number;
  /** Reports of all completed epochs. */
  readonly history: readonly EpochReport[];
  /** First indices of the very first batch: they identify the order of the data. */
  readonly firstIndices: readonly number[];
}

/** Options of `createTrainState`. */
export interface TrainStateOptions {
  readonly student: Network;
  readonly objective: Objective;
  readonly optimizer: OptimizerFactory;
  readonly ema?: EmaOptions | undefined;
}

/**
 * Creates the state of a training: the optimizer with its slots and, with `ema`, the averages. The
 * student and the objective still belong to the caller.
 * @throws RangeError if no weight of the student trains.
 */
export function createTrainState(options: TrainStateOptions): TrainState {
  const { student, objective, optimizer } = options;
  const trainable = selectTrainable(student.weights, objective.weights);
  return {
    student,
    objective,
    trainable,
    optimizer: optimizer(trainable),
    ema: options.ema === undefined ? undefined : ema(student.weights, options.ema),
    metrics: undefined,
    progress: {
      position: { epoch: 0, step: 0 },
      images: 0,
      seconds: 0,
      history: [],
      firstIndices: [],
    },
  };
}

/** Frees what `createTrainState` created, and the metrics. */
export function disposeTrainState(state: TrainState): void {
  state.optimizer.dispose();
  state.ema?.dispose();
  state.metrics?.dispose();
}

/** All variables of a state by their names in a checkpoint. */
export function stateVariables(state: TrainState): Record<string, Variable> {
  return {
    ...prefixed('student.', state.student.weights),
    ...prefixed('objective.', state.objective.weights),
    ...prefixed('optimizer.', state.optimizer.weights),
    ...prefixed('average.', state.ema?.weights ?? {}),
    ...prefixed('epoch.', state.metrics?.weights ?? {}),
  };
}

/** Creates the metrics of a state, or checks those of a checkpoint. @throws RangeError */
export function openMetrics(state: TrainState, names: readonly string[]): RunningMetrics {
  state.metrics ??= new RunningMetrics(names);
  const saved = state.metrics.names.join(', ');
  ensure(
    saved === names.join(', '),
    'train',
    `the terms ${saved}, as in the checkpoint`,
    names.join(', '),
  );
  return state.metrics;
}

/** An explicit list of what trains, so that no other variable of the process is touched. */
function selectTrainable(
  student: Readonly<Record<string, Variable>>,
  objective: Readonly<Record<string, Variable>>,
): Record<string, Variable> {
  const clash = Object.keys(student).find((name) => name.startsWith('objective.'));
  ensure(
    clash === undefined,
    'train',
    'no student weight whose name starts with objective.',
    clash,
  );
  const all = Object.entries({ ...student, ...prefixed('objective.', objective) });
  const trainable = all.filter(([, variable]) => variable.trainable);
  ensure(trainable.length > 0, 'train', 'a student with a trainable weight', 'none');
  return Object.fromEntries(trainable);
}
