import type { LossInputs, LossTerm } from '@kd/core';
import type { Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { JsonObject, LossEntry } from '../file.ts';

/** The inputs of one entry by role. */
export interface Roles {
  tensor(role: string): Tensor;
  tensors(role: string): Tensor[];
  readonly roles: readonly string[];
}

/** A kind of entry that we implement: one row of the table in `index.ts`. */
export interface LossKind {
  /**
   * Whether an entry is of this kind, by `loss`, `options` and the roles of `inputs`; never by its
   * id.
   */
  matches(entry: LossEntry): boolean;
  /** Options that it understands. An entry with another one is named as not implemented. */
  readonly options: readonly string[];
  /**
   * The value, through the public API of the packages. @param entries All of the file, for one that
   * goes on from another.
   */
  value(entry: LossEntry, roles: Roles, entries: readonly LossEntry[]): Scalar;
}

/** A kind that is a term of student, teacher and labels. */
export function termKind(
  kind: Pick<LossKind, 'matches' | 'options'> & {
    readonly term: (options: JsonObject, classes: number) => LossTerm;
  },
): LossKind {
  return {
    ...kind,
    value(entry, roles) {
      const step = stepOf(roles);
      return kind.term(entry.options, step.student.logits.shape[1])(step);
    },
  };
}

/**
 * A step with these logits; labels are zeros where the entry has none, and a teacher is there where
 * it has one.
 */
export function stepOf(roles: Roles, student = 'student', teacher = 'teacher'): LossInputs {
  const logits = roles.tensor(student) as Tensor2D;
  const labels = roles.roles.includes('labels')
    ? (roles.tensor('labels') as Tensor1D)
    : tf.zeros<tf.Rank.R1>([logits.shape[0]], 'int32');
  return {
    student: { logits, features: {} },
    ...(roles.roles.includes(teacher) && {
      teacher: { logits: roles.tensor(teacher) as Tensor2D, features: {} },
    }),
    labels,
    scheduledValues: {},
  };
}
