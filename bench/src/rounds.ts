import { setTimeout as sleep } from 'node:timers/promises';
import { ensure } from '@kd/core';
import type { BenchProcess } from './benchProcess.ts';

/** How long is measured. */
export interface RoundOptions {
  readonly rounds: number;
  /** Approximate duration of one turn. */
  readonly seconds: number;
}

/** Result of one process over all rounds. */
export interface Measurement {
  /** Median of the steps of each turn, in ms. */
  readonly turns: readonly number[];
  /** Median of all steps, in ms. */
  readonly ms: number;
  readonly peakBytes: number;
}

/** Thread pools spin for a while when their work is done: the next process waits for that. */
const PAUSE_MS = 50;

/**
 * Runs the processes in turn, A B A B, one at a time, each with as many steps as fill its turn. A
 * first turn of each, which finds out how many, is not counted.
 */
export async function interleaveRounds(
  processes: readonly BenchProcess[],
  { rounds, seconds }: RoundOptions,
): Promise<Measurement[]> {
  const repeats: number[] = [];
  for (const process of processes) {
    const { ms } = await process.run(3);
    repeats.push(repeatsFor(seconds, median(ms)));
  }
  const steps: number[][][] = processes.map(() => []);
  const peaks = processes.map(() => 0);
  for (let round = 0; round < rounds; round++) {
    for (const [at, process] of processes.entries()) {
      await sleep(PAUSE_MS);
      const { ms, memory } = await process.run(repeats[at] as number);
      steps[at]?.push([...ms]);
      peaks[at] = memory.peakBytes;
    }
  }
  return steps.map((turns, at) => ({
    turns: turns.map(median),
    ms: median(turns.flat()),
    peakBytes: peaks[at] as number,
  }));
}

/** Number of steps that take about this long together; at least one. */
export function repeatsFor(seconds: number, stepMs: number): number {
  return Math.max(1, Math.round((1000 * seconds) / stepMs));
}

/**
 * The middle value, or the mean of the two in the middle. @throws RangeError if there is none.
 */
export function median(values: readonly number[]): number {
  ensure(values.length > 0, 'median', 'one value or more', 'none');
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] as number) + (sorted[Math.floor(middle)] as number)) / 2;
}

/** A quotient over several rounds. */
export interface Ratio {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/**
 * Divides round by round, so that a round that is slow for both does not count.
 * @param theirs Medians of the rounds of the other variant, in ms. @param ours Medians of ours.
 * @returns Speed of ours over the speed of the other.
 */
export function pairedRatio(theirs: readonly number[], ours: readonly number[]): Ratio {
  ensure(
    theirs.length === ours.length,
    'pairedRatio',
    `as many rounds of theirs as of ours, ${ours.length}`,
    theirs.length,
  );
  const ratios = theirs.map((ms, round) => ms / (ours[round] as number));
  return { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) };
}
