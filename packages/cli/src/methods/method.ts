import type { LossTerm, Network } from '@kd/core';
import type { Distillation } from '../config.ts';

/** What a method may look at when its term is made. */
export interface Classroom {
  readonly student: Network;
  readonly teacher: Network;
  /** How the teacher's maps become its logits. */
  readonly head: { readonly pooling: 'mean' | 'max'; readonly scale: number };
  /** Of every row of the whole training set; −1 where the students never see it. */
  readonly labels: ArrayLike<number>;
  readonly classes: number;
  readonly batchSize: number;
  /** Of the student, and of what a method draws. */
  readonly seed: number;
}

/** A way to teach, with the weights and the temperature that its paper gives it. */
export interface Method {
  /** What it hears of the teacher: recorded logits, features of a live one, or nothing. */
  readonly hears: 'logits' | 'features' | 'nothing';
  /** Absent: nothing is softened. */
  readonly temperature?: number;
  /** Weight of the cross entropy with the labels; 0: the term has its own. */
  readonly hard: number;
  /** Weight of the method's term. */
  readonly weight: number;
  /** Share of the training in which that weight grows from 0. */
  readonly linearWarmup?: number;
  /** Share of the training after which it is 0. */
  readonly until?: number;
  /**
   * Bound of the gradient's global norm where the student's architecture has none: where weights
   * are large, for the rates are those of soft targets.
   */
  readonly clipNorm?: number;
  /**
   * Who learns beside or between teacher and student: an `assistant` of a size between, taught like
   * the student, which it then teaches; `generations` of
   * students, each taught by the one before, the first by the student alone; a `peer` that student
   * and peer learn from.
   */
  readonly company?: 'assistant' | 'generations' | 'peer';
  /**
   * The student as it learns, where it is not the student as it is made. It takes the student over.
   */
  readonly student?: (classroom: Omit<Classroom, 'labels' | 'batchSize' | 'classes'>) => Network;
  /** Its name in the report; `soft`. */
  readonly name?: string;
  readonly term: (
    distillation: Distillation & { readonly temperature: number },
    classroom: Classroom,
  ) => LossTerm;
}
