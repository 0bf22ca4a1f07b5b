import type { LossTerm, Outputs } from '@kd/core';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { teacherOf } from './checks.ts';
import { pairsOf, type TapPair } from './taps.ts';

/** The sum over pairs of taps of what a function makes of the student's and the teacher's feature. @param take `mapsAt` or `featureAt`. */
export function pairTerm<Feature extends Tensor>(
  where: string,
  pairs: TapPair | readonly TapPair[],
  take: (where: string, outputs: Outputs, place: TapPair['student']) => Feature,
  loss: (student: Feature, teacher: Feature) => Scalar,
): LossTerm {
  return featuresTerm(where, pairs, take, (student, teacher) => tf.addN(student.map((feature, at) => loss(feature, teacher[at] as Feature))));
}

/** A loss of several features of each at once, in the order of the pairs. */
export function featuresTerm<Feature extends Tensor>(
  where: string,
  pairs: TapPair | readonly TapPair[],
  take: (where: string, outputs: Outputs, place: TapPair['student']) => Feature,
  loss: (student: readonly Feature[], teacher: readonly Feature[]) => Scalar,
): LossTerm {
  const list = pairsOf<TapPair>(where, pairs);
  const term: LossTerm = (step) =>
    tf.tidy(() => {
      const said = teacherOf(where, step);
      return loss(
        list.map(({ student }) => take(where, step.student, student)),
        list.map(({ teacher }) => take(where, said, teacher)),
      );
    });
  return Object.assign(term, { needsTeacher: true });
}
