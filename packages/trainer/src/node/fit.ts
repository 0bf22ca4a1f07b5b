import type { Network } from '@kd/core';
import {
  runTraining,
  type TrainingOptions,
  type TrainingResult,
  withSignal,
} from './runTraining.ts';

/** Options of `fit`. */
export interface FitOptions extends TrainingOptions {
  /** Trained in place; it still belongs to the caller. */
  readonly network: Network;
}

/**
 * Trains a network on labels: `train` with checkpoints in a directory, a progress line, early
 * stopping and Ctrl-C, and the weights of the best epoch at the end. The objective has no default,
 * since the losses are a package of their own.
 */
export async function fit({ network, ...options }: FitOptions): Promise<TrainingResult> {
  return withSignal(options.signal, (signal) =>
    runTraining({ ...options, student: network, teacher: undefined, signal }),
  );
}
