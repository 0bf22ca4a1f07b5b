import type { Metrics } from './metrics.ts';

/** Epoch and step that a training has reached. */
export interface TrainingPosition {
  /** Completed epochs. */
  readonly epoch: number;
  /** Completed steps of the epoch after them. */
  readonly step: number;
}

/** Progress after one step. */
export interface StepReport {
  /** From 1. */
  readonly epoch: number;
  /** Number of the step in its epoch, from 1. */
  readonly step: number;
  /** Steps in an epoch. */
  readonly steps: number;
  /** Images of this epoch so far. */
  readonly images: number;
  /** Mean over this epoch so far. */
  readonly imagesPerSecond: number;
  readonly learningRate: number;
  /**
   * Mean total loss over the steps between the last two reads from the device, which happen about
   * twice a second.
   */
  readonly loss?: number;
}

/** Results of one epoch. */
export interface EpochReport {
  /** From 1. */
  readonly epoch: number;
  readonly steps: number;
  readonly images: number;
  /** Time spent in training steps, without the validation. */
  readonly seconds: number;
  readonly imagesPerSecond: number;
  /** Learning rate of the epoch's last step. */
  readonly learningRate: number;
  /** Mean of each weighted loss term over the epoch, and of their `total`. */
  readonly terms: Readonly<Record<string, number>>;
  /**
   * Fraction of the augmented training images classified correctly while the weights changed, of
   * those that have a label; absent if none has.
   */
  readonly accuracy?: number;
  /**
   * Fraction of the augmented training images for which student and teacher named the same class;
   * present if no image has a label and the teacher has the same classes.
   */
  readonly agreement?: number;
  /** Mean norm of the gradients before clipping; present with `clipNorm`. */
  readonly gradientNorm?: number;
  readonly validation?: Metrics;
  /** True if this epoch is better than every epoch before it. */
  readonly isBest: boolean;
}

/**
 * Thrown by `train` when its signal stops it. Everything is saved before; a resumed training
 * continues from `position`.
 */
export class TrainingInterruptedError extends Error {
  override readonly name = 'TrainingInterruptedError';
  readonly position: TrainingPosition;
  /** Location of the checkpoint; undefined without a store, and then nothing is saved. */
  readonly location: string | undefined;

  constructor(position: TrainingPosition, location: string | undefined) {
    const saved =
      location === undefined ? 'nothing is saved, for no store was given' : `saved in ${location}`;
    super(`Interrupted at epoch ${position.epoch + 1}, step ${position.step}; ${saved}.`);
    this.position = position;
    this.location = location;
  }
}
