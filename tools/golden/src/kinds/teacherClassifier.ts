import { expectedError } from '@kd/core';
import { hintsPerExample, simKd, srrl } from '@kd/losses';
import { simKdStudent } from '@kd/models';
import type { Scalar, Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { LossEntry } from '../file.ts';
import { classifierHead, fillModule } from '../modules.ts';
import { numberOf } from '../values.ts';
import { connectedKind, connectedStepOf, hasModule } from './connectedTerm.ts';
import type { LossKind } from './kind.ts';

/** `SRRL feature matching (spatial means)`: without a classifier, hints on means. */
const matchingKind: LossKind = {
  matches: (entry) => /^SRRL\b/.test(entry.loss) && !hasClassifier(entry),
  options: [],
  value(_, roles) {
    const [student, teacher] = ['student', 'teacher'].map((role) =>
      overPlaces(roles.tensor(role)),
    ) as [Tensor, Tensor];
    return tf.mean(hintsPerExample(student, teacher)) as Scalar;
  },
};

/**
 * `SRRL: alpha*feature matching + beta*MSE of teacher-classifier logits`, `SRRL as in the SimKD
 * repository: …`.
 */
const srrlKind = connectedKind({
  matches: (entry) => /^SRRL\b/.test(entry.loss) && hasClassifier(entry),
  options: ['alpha', 'beta'],
  term: (entry, [pair]) => {
    if (pair === undefined) throw expectedError('golden', 'a student and a teacher', undefined);
    const weights = {
      alpha: numberOf(entry.options, 'alpha', 1),
      beta: numberOf(entry.options, 'beta', 1),
    };
    const regressor = hasModule(entry) ? { batchNorm: true, relu: true } : 'none';
    return srrl(pair, classifierHead(entry, pair.teacher.channels), { ...weights, regressor });
  },
});

/** `SimKD feature loss`: the maps of the student that ends in the teacher's classifier. */
const simKdKind: LossKind = {
  matches: ({ loss }) => /^SimKD\b/.test(loss),
  options: ['factor'],
  value(entry, roles) {
    const { step, pairs } = connectedStepOf(roles);
    const [maps, target] = [roles.tensor('student'), roles.tensor('teacher')] as [
      Tensor4D,
      Tensor4D,
    ];
    const pool = Math.max(1, maps.shape[1] / target.shape[1]);
    const student = {
      weights: {},
      taps: { 0: pairs[0]?.student ?? { channels: 0, stride: 0 } },
      forward: () => step.student,
      dispose() {},
    };
    const classifier = classifierHead(entry, target.shape[3]);
    const network = simKdStudent(student, {
      tap: '0',
      classifier,
      factor: numberOf(entry.options, 'factor', 2),
      pool,
      seed: 0,
    });
    try {
      fillModule(entry, trained(network.weights));
      const outputs = network.forward(maps, { training: true });
      return simKd({ student: 'projected', teacher: '0' })({ ...step, student: outputs });
    } finally {
      network.dispose();
    }
  },
};

export const teacherClassifierKinds: readonly LossKind[] = [matchingKind, srrlKind, simKdKind];

function hasClassifier(entry: LossEntry): boolean {
  return 'teacherClassifier' in entry;
}

function overPlaces(feature: Tensor): Tensor {
  return feature.rank === 4 ? tf.mean(feature, [1, 2]) : feature;
}

function trained(weights: Readonly<Record<string, tf.Variable>>): Record<string, tf.Variable> {
  return Object.fromEntries(Object.entries(weights).filter(([, { trainable }]) => trainable));
}
