import { ensure } from '@kd/core';
import type { PreprocessingOptions } from '../preprocessing/preprocess.ts';

/** Options of every network of this package. */
export interface ClassifierOptions {
  readonly classes: number;
  /** Seed of the initial weights: a whole number ≥ 0. Each weight depends on it and its name. */
  readonly seed: number;
  /** Changes to the network's own preprocessing; options left out keep its values. */
  readonly prepare?: PreprocessingOptions;
}

/** Throws unless there are at least two classes. */
export function checkClasses(caller: string, classes: number): void {
  ensure(
    Number.isInteger(classes) && classes >= 2,
    caller,
    'classes as a whole number ≥ 2',
    classes,
  );
}

/** Channels times a width multiplier, rounded, at least 1. */
export function scaleChannels(
  caller: string,
  channels: readonly number[],
  width: number,
): number[] {
  ensure(
    width > 0 && Number.isFinite(width),
    caller,
    'width > 0',
    width,
    '1 is the published width',
  );
  return channels.map((count) => Math.max(1, Math.round(count * width)));
}
