import { setTimeout as sleep } from 'node:timers/promises';
import type { Contender } from './contender.ts';
import { median, repeatsFor } from './statistics.ts';

export interface RoundOptions {
  readonly rounds: number;
  /** That one turn takes, about. */
  readonly seconds: number;
}

/** What a contender showed in all its turns. */
export interface Measured {
  /** Median of the steps of each turn, in ms. */
  readonly turns: readonly number[];
  /** Median of all steps, in ms. */
  readonly ms: number;
  readonly peakBytes: number;
}

/** Thread pools spin for a while when their work is done: nobody starts beside that. */
const PAUSE_MS = 50;

/**
 * A B A B: the contenders take turns, one at a time, each with as many steps as fill its turn. The
 * first turn of each, which finds out how many, is not counted.
 */
export async function takeTurns(
  contenders: readonly Contender[],
  { rounds, seconds }: RoundOptions,
): Promise<Measured[]> {
  const repeats: number[] = [];
  for (const contender of contenders) {
    const { ms } = await contender.run(3);
    repeats.push(repeatsFor(seconds, median(ms)));
  }
  const steps: number[][][] = contenders.map(() => []);
  const peaks = contenders.map(() => 0);
  for (let round = 0; round < rounds; round++) {
    for (const [at, contender] of contenders.entries()) {
      await sleep(PAUSE_MS);
      const { ms, memory } = await contender.run(repeats[at] as number);
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
