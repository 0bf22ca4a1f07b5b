import type { Batch, LossInputs, Network, Teacher } from '@kd/core';
import { combine, crossEntropy, softTargets, weighted } from '@kd/losses';
import { ensemble, mutualLearning, probabilityEnsemble } from '@kd/trainer';
import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { JsonObject, LossEntry } from '../format/file.ts';
import { numberOf } from '../format/values.ts';
import { type LossCase, type Roles, stepOf } from './case.ts';

/** Several teachers, and students that teach each other. */
export const teacherCases: readonly LossCase[] = [
  /** `KD from the mean of two teachers' logits`: `ensemble` of the trainer. */
  {
    method: 'ensemble',
    matches: ({ options, inputs }) => Array.isArray(inputs.teachers) && options.mean === 'logits',
    options: ['temperature', 'mean', 'classes'],
    value: ({ options }, roles) => taughtBy(ensemble(asTeachers(roles)), options, roles),
  },
  /**
   * `KD from the mean of two teachers' softened probabilities`: `probabilityEnsemble` of the
   * trainer.
   */
  {
    method: 'probabilityEnsemble',
    matches: ({ options, inputs }) =>
      Array.isArray(inputs.teachers) && options.mean === 'probabilities',
    options: ['temperature', 'mean', 'classes'],
    value: ({ options }, roles) =>
      taughtBy(
        probabilityEnsemble(asTeachers(roles), { temperature: numberOf(options, 'temperature') }),
        options,
        roles,
      ),
  },
  /** `mean of the two KD losses`: each teacher's loss with an equal weight. */
  {
    method: 'softTargets',
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
  },
  /**
   * `DML, loss of network 1: CE(S,y) + KL(S2 || S)`: the loss of one student of a peer group, cross
   * entropy and the mean of the divergences from its peers.
   */
  {
    method: 'mutualLearning',
    matches: ({ loss }) => /^DML\b/.test(loss),
    options: ['temperature'],
    value(entry, roles) {
      const peerRoles = roles.roles.filter((role) => role !== 'labels');
      const temperature = numberOf(entry.options, 'temperature', 1);
      const peers = combine({ hard: crossEntropy(), peers: softTargets({ temperature }) });
      const students = peerRoles.map((role) => constantNetwork(roles.tensor(role) as Tensor2D));
      const { student, objective } = mutualLearning(students, peers);
      const outputs = student.forward(tf.zeros([1, 1, 1, 1]), { training: true });
      const { terms } = objective({
        student: outputs,
        labels: roles.tensor('labels') as Tensor1D,
        scheduledValues: {},
      });
      const learner = peerRoles.indexOf(learnerOf(entry));
      return tf.add<Scalar>(
        terms[`${learner}.hard`] as Scalar,
        terms[`${learner}.peers`] as Scalar,
      );
    },
  },
];

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

/** A batch of blank images of that size, which these teachers do not read. */
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

/** A network with the same outputs for every image. */
function constantNetwork(logits: Tensor2D): Network {
  return { weights: {}, forward: () => ({ logits, features: {} }), dispose: () => {} };
}

/** The network whose loss it is: the first that the gradient is taken with respect to. */
function learnerOf({ inputs, gradientWith }: LossEntry): string {
  return Object.keys(inputs).find((role) => inputs[role] === gradientWith?.[0]) ?? 'first';
}
