import { ensure } from '@kd/core';
import type { PreprocessingOptions } from './prepare/preparation.ts';

/** What every network of this package takes. */
export interface ClassifierOptions {
  readonly classes: number;
  /** The first values of the weights are drawn from it and their names: a whole number ≥ 0. */
  readonly seed: number;
  /** What the network does to its images first; what is not given stays as the network has it. */
  readonly prepare?: PreprocessingOptions;
}

/** Throws unless there is something to tell apart. */
export function checkClasses(caller: string, classes: number): void {
  ensure(
    Number.isInteger(classes) && classes >= 2,
    caller,
    'classes as a whole number ≥ 2',
    classes,
  );
}

/** Channels at a width multiplier. */
export function widened(caller: string, channels: readonly number[], width: number): number[] {
  ensure(
    width > 0 && Number.isFinite(width),
    caller,
    'width > 0',
    width,
    '1 is the published width',
  );
  return channels.map((count) => Math.max(1, Math.round(count * width)));
}
