import { ensure } from '@kd/core';
import type { ChannelStatistics } from './normalise.ts';

/** What every network of this package takes. */
export interface ClassifierOptions {
  readonly classes: number;
  /** The first values of the weights are drawn from it and their names: a whole number ≥ 0. */
  readonly seed: number;
  /** Images, 0–1, become (image − mean) / deviation, channel by channel, inside the network. */
  readonly normalise?: ChannelStatistics;
}

/** Throws unless there is something to tell apart. */
export function checkClasses(where: string, classes: number): void {
  ensure(Number.isInteger(classes) && classes >= 2, where, 'classes as a whole number ≥ 2', classes);
}

/** Channels at a width multiplier. */
export function widened(where: string, channels: readonly number[], width: number): number[] {
  ensure(width > 0 && Number.isFinite(width), where, 'width > 0', width, '1 is the published width');
  return channels.map((count) => Math.max(1, Math.round(count * width)));
}
