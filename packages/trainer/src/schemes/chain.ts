import { ensure, type Network, type Objective, type Store, type Teacher } from '@kd/core';
import { networkTeacher } from '../teachers/frozen.ts';
import { train } from '../training/train.ts';
import type { EpochReport, TrainOptions } from '../training/types.ts';

/**
 * A training of several students, each the teacher of the next: what all of them share, and what
 * each has its own of.
 */
export interface ChainOptions
  extends Omit<TrainOptions, 'student' | 'teacher' | 'objective' | 'store'> {
  /** Of the first one. */
  readonly teacher: Network | Teacher;
  /** Made anew for each, counted from 0: a loss may have weights of its own. */
  readonly objective: (link: number) => Objective;
  /**
   * Where the checkpoints of each go. With `resume` those that are done are loaded, and the chain
   * goes on where it stood.
   */
  readonly store?: ((link: number) => Store) | undefined;
}

/** An epoch of one of the students. */
export interface GenerationReport extends EpochReport {
  /** Which, from 0. */
  readonly link: number;
  /** It holds the last weights, or their averages, as after `train`. */
  readonly student: Network;
}

/**
 * Trains one after the other, each with the one before as its teacher. @param studentOf Asked for a
 * student when its turn has come.
 */
export async function* chain(
  caller: string,
  { teacher, objective, store, ...shared }: ChainOptions,
  count: number,
  studentOf: (link: number) => Network,
): AsyncGenerator<GenerationReport, void, undefined> {
  ensure(Number.isInteger(count) && count >= 1, caller, 'at least one student', count);
  let before = typeof teacher === 'function' ? teacher : networkTeacher(teacher);
  for (let link = 0; link < count; link++) {
    const student = studentOf(link);
    const options = {
      ...shared,
      student,
      teacher: before,
      objective: objective(link),
      store: store?.(link),
    };
    for await (const report of train(options)) yield { ...report, link, student };
    before = networkTeacher(student);
  }
}
