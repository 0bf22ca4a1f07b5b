import type { Network } from '@kd/core';
import { folderStore } from '@kd/core/node';
import { type FollowOptions, type FollowResult, follow, withSignal } from './follow.ts';

export interface FitOptions extends FollowOptions {
  readonly network: Network;
}

/**
 * Trains a network on labels: `train` with checkpoints in a folder, progress, early stopping and Ctrl-C, and the best weights put back at the end.
 * The objective has no default: the losses are a package of their own.
 */
export async function fit(options: FitOptions): Promise<FollowResult> {
  const { network, train, directory } = options;
  return withSignal(options.signal, (signal) =>
    follow({ ...options, student: network, batches: train, store: folderStore(directory), signal }, options),
  );
}
