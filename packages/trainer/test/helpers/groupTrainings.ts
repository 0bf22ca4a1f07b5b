import type { Network } from '@kd/core';
import { adam, sgd } from '../../src/index.ts';
import { linear, tinyCnn } from './networks.ts';
import { INPUTS } from './source.ts';

/** One of the trainings of a process of `fixtures/groupTraining.ts`. */
export interface GroupTraining {
  readonly network: keyof typeof networks;
  /** `own`: every process starts with other weights, and those of process 0 must win. */
  readonly networkSeed?: 'same' | 'own';
  readonly rows: number;
  readonly epochs: number;
  readonly batchSize?: number;
  readonly directory?: string;
  readonly resume?: boolean;
  /** Number of steps after which the last process does `deed` to itself. */
  readonly at?: number;
  readonly deed?: 'kill' | 'stop' | 'interrupt';
}

export const networks = {
  linear: (seed: number): Network => linear(INPUTS, 3, seed),
  cnn: (seed: number): Network => tinyCnn(2, 3, seed),
};

/** Settings of all trainings here. */
export const settings = { learningRate: 0.05, clipNorm: 1, ema: 0.9 };
export const optimizerOf = (network: string) =>
  network === 'cnn' ? adam() : sgd({ momentum: 0.9 });
