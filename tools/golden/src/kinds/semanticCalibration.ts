import { semCkd, semCkdPerExample } from '@kd/losses';
import type { Scalar, Tensor, Tensor3D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { tensorIn } from '../modules.ts';
import { numberOf } from '../values.ts';
import { connectedStepOf, hasModule, withModule } from './connectedTerm.ts';
import type { LossKind } from './kind.ts';

/**
 * `SemCKD loss given projections and attention`: features are lists for each of the student's
 * layers.
 */
const givenKind: LossKind = {
  matches: (entry) => /^SemCKD\b/.test(entry.loss) && !hasModule(entry),
  options: [],
  value(entry, roles) {
    const attention = tensorIn(entry, 'attention') as Tensor3D;
    const [, students, teachers] = attention.shape;
    const table = (role: string): Tensor[][] => {
      const all = roles.tensors(role);
      return Array.from({ length: students }, (_, at) =>
        all.slice(at * teachers, (at + 1) * teachers),
      );
    };
    return tf.mean(semCkdPerExample(table('student'), table('teacher'), attention)) as Scalar;
  },
};

/** `SemCKD with SelfA attention and projections`. */
const wholeKind: LossKind = {
  matches: (entry) => /^SemCKD\b/.test(entry.loss) && hasModule(entry),
  options: ['factor'],
  value(entry, roles) {
    const { step } = connectedStepOf(roles);
    const taps = (role: string) =>
      roles.tensors(role).map(({ shape }, at) => ({
        name: String(at),
        channels: shape.at(-1) as number,
        stride: 1,
      }));
    const options = {
      batchSize: step.labels.shape[0],
      factor: numberOf(entry.options, 'factor', 4),
    };
    const term = semCkd({ student: taps('student'), teacher: taps('teacher') }, options);
    return withModule(entry, term, (term) => term(step));
  },
};

export const semanticCalibrationKinds: readonly LossKind[] = [givenKind, wholeKind];
