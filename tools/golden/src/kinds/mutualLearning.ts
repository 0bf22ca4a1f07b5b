import type { Network } from '@kd/core';
import { combine, crossEntropy, softTargets } from '@kd/losses';
import { mutualLearning } from '@kd/trainer';
import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { LossEntry } from '../file.ts';
import { numberOf } from '../values.ts';
import type { LossKind } from './kind.ts';

/**
 * `DML, loss of network 1: CE(S,y) + KL(S2 || S)`: what one student of a cohort pays, cross entropy
 * and the mean of the divergences from its peers.
 */
export const mutualLearningKind: LossKind = {
  matches: ({ loss }) => /^DML\b/.test(loss),
  options: ['temperature'],
  value(entry, roles) {
    const cohort = roles.roles.filter((role) => role !== 'labels');
    const temperature = numberOf(entry.options, 'temperature', 1);
    const peers = combine({ hard: crossEntropy(), peers: softTargets({ temperature }) });
    const students = cohort.map((role) => saying(roles.tensor(role) as Tensor2D));
    const { student, objective } = mutualLearning(students, peers);
    const outputs = student.forward(tf.zeros([1, 1, 1, 1]), { training: true });
    const { terms } = objective({
      student: outputs,
      labels: roles.tensor('labels') as Tensor1D,
      scheduledValues: {},
    });
    const learner = cohort.indexOf(learnerOf(entry));
    return tf.add<Scalar>(terms[`${learner}.hard`] as Scalar, terms[`${learner}.peers`] as Scalar);
  },
};

/** A network that says the same of every picture. */
function saying(logits: Tensor2D): Network {
  return { weights: {}, forward: () => ({ logits, features: {} }), dispose: () => {} };
}

/** The network whose loss it is: the first of those that the gradient is taken to. */
function learnerOf({ inputs, gradientWith }: LossEntry): string {
  return Object.keys(inputs).find((role) => inputs[role] === gradientWith?.[0]) ?? 'first';
}
