import type { LossInputs, Outputs } from '@kd/core';
import type { FeaturePair } from '@kd/losses';
import * as tf from '@tensorflow/tfjs-core';
import type { Roles } from './kind.ts';

/** The features of an entry as those of a step, with the pairs of taps that a method takes. */
export interface FeatureStep {
  readonly step: LossInputs & { readonly teacher: Outputs };
  readonly pairs: readonly FeaturePair[];
}

/** One feature or several of `student` and `teacher`, at taps 0, 1 … of both; logits are zeros. */
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
