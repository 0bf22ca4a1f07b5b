import type { LossInputs, LossTerm, Outputs } from '@kd/core';
import type { FeaturePair, FeatureRef } from '@kd/losses';
import type { Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { JsonObject, LossEntry } from '../format/file.ts';
import { fillModule } from '../inputs/modules.ts';

/** The inputs of one entry by role. */
export interface Roles {
  tensor(role: string): Tensor;
  tensors(role: string): Tensor[];
  readonly roles: readonly string[];
}

/** A kind of entry that is implemented: one row of the tables in this directory. */
export interface LossCase {
  /** The function that the entry tests, as @kd/losses or @kd/trainer exports it. */
  readonly method: string;
  /**
   * Returns whether an entry is of this kind, from `loss`, `options` and the roles of `inputs`;
   * never from its id.
   */
  matches(entry: LossEntry): boolean;
  /** Supported options. An entry with any other is reported as not implemented. */
  readonly options: readonly string[];
  /**
   * Computes the value through the public API of the packages.
   * @param entries All entries of the file, for one that continues another.
   */
  value(entry: LossEntry, roles: Roles, entries: readonly LossEntry[]): Scalar;
}

type CaseOf<Term> = Omit<LossCase, 'value'> & { readonly term: Term };

/** Creates a case whose term reads logits and labels. */
export function logitCase({
  term,
  ...row
}: CaseOf<(options: JsonObject, classes: number) => LossTerm>): LossCase {
  return {
    ...row,
    value(entry, roles) {
      const step = stepOf(roles);
      return term(entry.options, step.student.logits.shape[1])(step);
    },
  };
}

/** Creates a case whose term reads pairs of features. */
export function featureCase({
  term,
  ...row
}: CaseOf<(entry: LossEntry, pairs: readonly FeaturePair[]) => LossTerm>): LossCase {
  return {
    ...row,
    value(entry, roles) {
      const { step, pairs } = featureStepOf(roles);
      return term(entry, pairs)(step);
    },
  };
}

/** Creates a case whose term reads pairs of features and has weights, if any from the entry. */
export function moduleCase({
  term,
  ...row
}: CaseOf<(entry: LossEntry, pairs: readonly FeaturePair<FeatureRef>[]) => LossTerm>): LossCase {
  return {
    ...row,
    value(entry, roles) {
      const { step, pairs } = moduleStepOf(roles);
      return withModule(entry, term(entry, pairs), (term) => term(step));
    },
  };
}

/** Creates a step with logits; labels are zeros, and the teacher is missing, if the entry has none. */
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

/** A step with the features of an entry, and the pairs of them that a method takes. */
export interface FeatureStep<Ref extends string | FeatureRef = string> {
  readonly step: LossInputs & { readonly teacher: Outputs };
  readonly pairs: readonly FeaturePair<Ref>[];
}

/** Creates a step with features `0`, `1` … of `student` and `teacher`; logits are zeros. */
export function featureStepOf(roles: Roles): FeatureStep {
  const [student, teacher] = [roles.tensors('student'), roles.tensors('teacher')];
  const batch = student[0]?.shape[0] ?? 1;
  const outputs = (features: readonly tf.Tensor[]): Outputs => ({
    logits: tf.zeros([batch, 2]),
    features: Object.fromEntries(features.entries()),
  });
  return {
    step: {
      student: outputs(student),
      teacher: outputs(teacher),
      labels: tf.zeros([batch], 'int32'),
      scheduledValues: {},
    },
    pairs: student.map((_, at) => ({ student: String(at), teacher: String(at) })),
  };
}

/** Creates the same step with pairs of features that have their channels. */
export function moduleStepOf(roles: Roles): FeatureStep<FeatureRef> {
  const { step } = featureStepOf(roles);
  const refs = (features: readonly Tensor[]): FeatureRef[] =>
    features.map(({ shape, rank }, at) => ({
      name: String(at),
      channels: shape.at(-1) as number,
      stride: rank === 4 ? 1 : 0,
    }));
  const [student, teacher] = [refs(roles.tensors('student')), refs(roles.tensors('teacher'))];
  return {
    step,
    pairs: student.map((ref, at) => ({ student: ref, teacher: teacher[at] as FeatureRef })),
  };
}

/** Runs a module, such as a term, with the weights of the entry, and frees them. */
export function withModule<Module extends { readonly weights?: LossTerm['weights'] }>(
  entry: LossEntry,
  module: Module,
  run: (module: Module) => Scalar,
): Scalar {
  const { weights = {} } = module;
  try {
    fillModule(entry, weights);
    return run(module);
  } finally {
    tf.dispose(Object.values(weights));
  }
}

/** Returns whether an entry has weights of a module. */
export function hasModule(entry: LossEntry): boolean {
  return 'module' in entry || 'moduleFormula' in entry;
}
