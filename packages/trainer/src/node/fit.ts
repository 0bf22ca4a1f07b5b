import type { Network } from '@kd/core';
import { directoryStore } from '@kd/files/node';
import { runTraining, type TrainingOptions, type TrainingResult, withSignal } from './follow.ts';

export interface FitOptions extends TrainingOptions {
  readonly network: Network;
}

/**
 * Trains a network on labels: `train` with checkpoints in a folder, progress, early stopping and
 * Ctrl-C, and the best weights put back at the end.
 * The objective has no default: the losses are a package of their own.
 */
export async function fit(options: FitOptions): Promise<TrainingResult> {
  const { network, data: train, directory } = options;
  return withSignal(options.signal, (signal) =>
    runTraining(
      { ...options, student: network, data: train, store: directoryStore(directory), signal },
      options,
    ),
  );
}
