import type { LossInputs, LossTerm } from '@kd/core';
import type { FeaturePair, FeatureRef } from '@kd/losses';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { LossEntry } from '../file.ts';
import { fillModule } from '../modules.ts';
import { featureStepOf } from './featureStep.ts';
import type { LossKind, Roles } from './kind.ts';

/** A method with weights of its own, and the step that an entry makes of its features. */
interface Connected {
  readonly step: LossInputs;
  /** Taps that know their channels. */
  readonly pairs: readonly FeaturePair<FeatureRef>[];
}

/**
 * A kind that is a term with connectors, whose weights the entry brings; without any where it
 * brings none.
 */
export function connectedKind(
  kind: Pick<LossKind, 'matches' | 'options'> & {
    term(entry: LossEntry, pairs: readonly FeaturePair<FeatureRef>[]): LossTerm;
  },
): LossKind {
  return {
    ...kind,
    value(entry, roles) {
      const { step, pairs } = connectedStepOf(roles);
      return withModule(entry, kind.term(entry, pairs), (term) => term(step));
    },
  };
}

/** Runs what has weights, such as a term, with those of the entry, and frees them. */
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

export function connectedStepOf(roles: Roles): Connected {
  const { step } = featureStepOf(roles);
  const points = (features: readonly Tensor[]): FeatureRef[] =>
    features.map(({ shape, rank }, at) => ({
      name: String(at),
      channels: shape.at(-1) as number,
      stride: rank === 4 ? 1 : 0,
    }));
  const [student, teacher] = [points(roles.tensors('student')), points(roles.tensors('teacher'))];
  return {
    step,
    pairs: student.map((point, at) => ({ student: point, teacher: teacher[at] as FeatureRef })),
  };
}

/** Whether an entry brings weights of a module. */
export function hasModule(entry: LossEntry): boolean {
  return 'module' in entry || 'moduleFormula' in entry;
}
