import type { LossTerm, Outputs } from '@kd/core';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { teacherOf } from './checks.ts';
import { type FeaturePair, pairsOf } from './taps.ts';

/**
 * The sum over pairs of taps of what a function makes of the student's and the teacher's feature.
 * @param take `mapsAt` or `featureAt`.
 */
export function featureTerm<Feature extends Tensor>(
  caller: string,
  pairs: FeaturePair | readonly FeaturePair[],
  take: (caller: string, outputs: Outputs, place: FeaturePair['student']) => Feature,
  loss: (student: Feature, teacher: Feature) => Scalar,
): LossTerm {
  return featuresTerm(caller, pairs, take, (student, teacher) =>
    tf.addN(student.map((feature, at) => loss(feature, teacher[at] as Feature))),
  );
}

/** A loss of several features of each at once, in the order of the pairs. */
export function featuresTerm<Feature extends Tensor>(
  caller: string,
  pairs: FeaturePair | readonly FeaturePair[],
  take: (caller: string, outputs: Outputs, place: FeaturePair['student']) => Feature,
  loss: (student: readonly Feature[], teacher: readonly Feature[]) => Scalar,
): LossTerm {
  const list = pairsOf<FeaturePair>(caller, pairs);
  const term: LossTerm = (step) =>
    tf.tidy(() => {
      const said = teacherOf(caller, step);
      return loss(
        list.map(({ student }) => take(caller, step.student, student)),
        list.map(({ teacher }) => take(caller, said, teacher)),
      );
    });
  return Object.assign(term, { needsTeacher: true });
}
