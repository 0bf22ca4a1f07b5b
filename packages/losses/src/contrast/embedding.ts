import { ensure } from '@kd/core';
import { type Connector, connector, weightsOf } from '../features/connector.ts';
import { channelsAt } from '../features/regressors.ts';
import type { TapPair, TapPoint } from '../taps.ts';

/** Linear maps that put a student's and a teacher's features, [batch, channels], on as many channels: [batch, width]. Both train along with the student. */
export interface Embeddings {
  readonly student: Connector['apply'];
  readonly teacher: Connector['apply'];
  readonly weights: Connector['weights'];
}

/** @param taps Must know their channels: `tapOf(network, name)`. */
export function makeEmbeddings(where: string, taps: TapPair, width: number, seed: number): Embeddings {
  ensure(Number.isInteger(width) && width >= 1, where, 'a whole number of embedded channels ≥ 1', width, '128 is usual');
  const linear = (name: string, tap: string | TapPoint) => connector([{ from: channelsAt(where, tap), to: width, bias: true }], { name, seed });
  const [student, teacher] = [linear('student', taps.student), linear('teacher', taps.teacher)];
  return { student: student.apply, teacher: teacher.apply, weights: weightsOf([student, teacher]) };
}
