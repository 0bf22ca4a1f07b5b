import type { Network } from '@kd/core';
import { type ChainOptions, chain, type GenerationReport } from './chain.ts';

export interface BornAgainOptions extends ChainOptions {
  /** How many students, each taught by the one before; 3 is usual. */
  readonly generations: number;
  /**
   * Makes the student of a generation, counted from 0, with fresh weights: another seed each. It
   * belongs to the caller.
   */
  readonly student: (generation: number) => Network;
}

/**
 * Born-again networks: a student of its teacher's own size, taught by it, teaches the next one, and
 * so on.
 *
 * `bornAgain({ teacher, generations: 3, student: (generation) => cifarResnet({ depth: 20, classes,
 * seed: generation + 1 }), objective, batches, … })`
 *
 * Reports say which generation (`link`) and hand its `student` out.
 * `ensemble(students.map(frozen))` of all of them is the paper's BANE.
 * @param options.objective The paper's has soft targets at temperature 1, with cross entropy
 * (`combine({ hard: crossEntropy(), soft: softTargets({ temperature: 1 }) })`) or alone.
 * @throws RangeError on generations < 1; all else as `train`.
 * Source: Furlanello et al., "Born-again neural networks" (ICML 2018), section 3.
 */
export function bornAgain({
  generations,
  student,
  ...options
}: BornAgainOptions): AsyncGenerator<GenerationReport, void, undefined> {
  return chain('bornAgain', options, generations, student);
}
