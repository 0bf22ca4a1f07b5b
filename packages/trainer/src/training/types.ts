import type {
  DataLoader,
  Network,
  Objective,
  OptimizerFactory,
  ProcessGroup,
  Schedule,
  Store,
  Teacher,
} from '@kd/core';
import type { Metrics } from '../evaluation.ts';
import type { EmaOptions } from '../optimizers/averageWeights.ts';

export interface TrainOptions {
  /** Trained in place; still the caller's. */
  readonly student: Network;
  /** Its weights, if it has any, train along. */
  readonly objective: Objective;
  readonly data: DataLoader;
  /**
   * `engine.group` of @kd/engine: processes that train one student together. `dataLoader` is then
   * this process's shard of every batch (`shard: engine.group`), gradients,
   * sums and the averages of batch normalization are those of the whole batch, all processes end
   * with the same weights and reports (the first one's at the
   * start), and the first one alone reads and writes the store. A validation may be a shard too; it
   * is looked at whole by every process otherwise.
   */
  readonly group?: ProcessGroup | undefined;
  /** Needed where the objective reads it. */
  readonly teacher?: Teacher | undefined;
  /** One optimizer is made of it for the whole run. */
  readonly optimizer: OptimizerFactory;
  /**
   * ≥ 0. A schedule is asked at step k of n in all for progress k / n: 0 at the first step, 1 after
   * the last.
   */
  readonly learningRate: number | Schedule;
  /**
   * Multiplies the learning rate, asked before each epoch with the reports of all before it; ≥ 0.
   * `reduceOnPlateau` of @kd/core is made for it.
   */
  readonly learningRateFactor?: ((history: readonly EpochReport[]) => number) | undefined;
  /** In all, those before a resume included; a whole number ≥ 1. */
  readonly epochs: number;
  /** Upper bound of the joint norm of all gradients, > 0. */
  readonly clipNorm?: number | undefined;
  /**
   * Decay of an exponential moving average of the weights, 0 ≤ d < 1, or with warm-up. Evaluation,
   * `best` and the end result are then the averages.
   */
  readonly ema?: number | EmaOptions | undefined;
  /** Evaluated after each epoch. */
  readonly validation?: DataLoader | undefined;
  /**
   * What makes an epoch the best: accuracy (default) or loss; of the validation where there is one,
   * else of the training.
   */
  readonly bestBy?: 'accuracy' | 'loss' | undefined;
  /** Stop after this many epochs in a row without a better one. */
  readonly patience?: number | undefined;
  /**
   * What a step draws at random (dropout) comes from this and the number of the step, so that a
   * resumed training draws the same: a whole number ≥ 0; 0.
   */
  readonly seed?: number | undefined;
  /**
   * Where `last.safetensors` (all state, each epoch and when interrupted) and `best.safetensors`
   * (weights) go.
   */
  readonly store?: Store | undefined;
  /** Go on from the store's `last.safetensors`; from the beginning where there is none. */
  readonly resume?: boolean | undefined;
  /** Saves, then throws `TrainingInterruptedError`. */
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: ((step: StepReport) => void) | undefined;
  /** Anything that JSON can say; kept in the checkpoint, and a resume under another is refused. */
  readonly config?: Readonly<Record<string, unknown>> | undefined;
}

/** Where a training stands. */
export interface TrainingPosition {
  /** Whole epochs done. */
  readonly epoch: number;
  /** Steps done in the epoch after them. */
  readonly step: number;
}

/** Told after each step. */
export interface StepReport {
  /** From 1. */
  readonly epoch: number;
  /** In this epoch, from 1. */
  readonly step: number;
  /** Steps in an epoch. */
  readonly steps: number;
  /** Seen in this epoch. */
  readonly images: number;
  /** Of this epoch so far. */
  readonly imagesPerSecond: number;
  readonly learningRate: number;
  /**
   * Mean total over the steps between the last two looks at the device, which come about twice a
   * second.
   */
  readonly loss?: number;
}

export interface EpochReport {
  /** From 1. */
  readonly epoch: number;
  readonly steps: number;
  readonly images: number;
  /** Training alone; the validation has its own. */
  readonly seconds: number;
  readonly imagesPerSecond: number;
  /** Of the last step. */
  readonly learningRate: number;
  /** Means over the epoch, as they enter the total, and the `total`. */
  readonly terms: Readonly<Record<string, number>>;
  /** On the training pictures as they were seen, while the weights moved. */
  readonly accuracy: number;
  /** Mean over the steps, before clipping; with `clipNorm` only. */
  readonly gradientNorm?: number;
  readonly validation?: Metrics;
  /** Better than every epoch before it. */
  readonly isBest: boolean;
}
