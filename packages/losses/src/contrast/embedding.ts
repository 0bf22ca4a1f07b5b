import { ensure } from '@kd/core';
import { type Projector, projector, weightsOf } from '../features/projector.ts';
import { channelsAt } from '../features/regressors.ts';
import type { FeaturePair, FeatureRef } from '../taps.ts';

/**
 * Linear maps that put a student's and a teacher's features, [batch, channels], on as many
 * channels: [batch, width]. Both train along with the student.
 */
export interface Embeddings {
  readonly student: Projector['apply'];
  readonly teacher: Projector['apply'];
  readonly weights: Projector['weights'];
}

/** @param taps Must know their channels: `featureRef(network, name)`. */
export function makeEmbeddings(
  caller: string,
  taps: FeaturePair,
  width: number,
  seed: number,
): Embeddings {
  ensure(
    Number.isInteger(width) && width >= 1,
    caller,
    'a whole number of embedded channels ≥ 1',
    width,
    '128 is usual',
  );
  const linear = (name: string, tap: string | FeatureRef) =>
    projector([{ from: channelsAt(caller, tap), to: width, bias: true }], { name, seed });
  const [student, teacher] = [linear('student', taps.student), linear('teacher', taps.teacher)];
  return { student: student.apply, teacher: teacher.apply, weights: weightsOf([student, teacher]) };
}
