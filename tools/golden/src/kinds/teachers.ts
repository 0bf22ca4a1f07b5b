import type { Batch, LossInputs, Teacher } from '@kd/core';
import { combine, softTargets, weighted } from '@kd/losses';
import { ensemble, probabilityEnsemble } from '@kd/trainer';
import type { Scalar, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { JsonObject } from '../file.ts';
import { numberOf } from '../values.ts';
import { type LossKind, type Roles, stepOf } from './kind.ts';

/** `KD from the mean of two teachers' logits`: the trainer's ensemble of them. */
export const meanLogitsKind: LossKind = {
  matches: ({ options, inputs }) => Array.isArray(inputs.teachers) && options.mean === 'logits',
  options: ['temperature', 'mean', 'classes'],
  value: ({ options }, roles) => taughtBy(ensemble(asTeachers(roles)), options, roles),
};

/**
 * `KD from the mean of two teachers' softened probabilities`: the trainer's other ensemble of them.
 */
export const meanProbabilitiesKind: LossKind = {
  matches: ({ options, inputs }) =>
    Array.isArray(inputs.teachers) && options.mean === 'probabilities',
  options: ['temperature', 'mean', 'classes'],
  value: ({ options }, roles) =>
    taughtBy(
      probabilityEnsemble(asTeachers(roles), { temperature: numberOf(options, 'temperature') }),
      options,
      roles,
    ),
};

/** `mean of the two KD losses`: each teacher's loss with an equal weight. */
export const meanLossesKind: LossKind = {
  matches: ({ options, inputs }) => Array.isArray(inputs.teachers) && options.mean === 'losses',
  options: ['temperature', 'mean', 'classes'],
  value({ options }, roles) {
    const teachers = teachersOf(roles);
    const losses = teachers.map(
      (logits) =>
        share(options, teachers.length)({ ...stepOf(roles), teacher: { logits, features: {} } })
          .total,
    );
    return tf.addN(losses) as Scalar;
  },
};

function taughtBy(teacher: Teacher, options: JsonObject, roles: Roles): Scalar {
  const step = stepOf(roles);
  return softTargets({ temperature: numberOf(options, 'temperature') })({
    ...step,
    teacher: teacher(batchFor(step)),
  });
}

function asTeachers(roles: Roles): Teacher[] {
  return teachersOf(roles).map((logits) => () => ({ logits, features: {} }));
}

function share(options: JsonObject, count: number) {
  return combine({
    soft: weighted(1 / count, softTargets({ temperature: numberOf(options, 'temperature') })),
  });
}

/** A batch of as many blank pictures: these teachers do not look at them. */
function batchFor({ labels }: LossInputs): Batch {
  const rows = labels.shape[0];
  return {
    images: tf.zeros([rows, 1, 1, 1]),
    labels,
    indices: new Int32Array(rows),
    view: { spec: 'plain', seed: 0 },
  };
}

function teachersOf(roles: Roles): Tensor2D[] {
  return roles.tensors('teachers') as Tensor2D[];
}
