import { combine, crossEntropy, softTargets, weighted } from '@kd/losses';
import type { Scalar } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { LossEntry } from '../file.ts';
import { type LossKind, stepOf } from './kind.ts';

/** `DML, loss of network 1: CE(S,y) + KL(S2 || S)`: cross entropy and the mean of the divergences from the peers, at temperature 1. */
export const mutualLearningKind: LossKind = {
  matches: ({ loss, options }) => /^DML\b/.test(loss) && (options.temperature ?? 1) === 1,
  options: ['temperature'],
  value(entry, roles) {
    const learner = learnerOf(entry);
    const peers = roles.roles.filter((role) => role !== learner && role !== 'labels');
    const alone = crossEntropy()(stepOf(roles, learner));
    const taught = combine({ peer: weighted(1 / peers.length, softTargets({ temperature: 1 })) });
    return peers.reduce<Scalar>((sum, peer) => tf.add(sum, taught(stepOf(roles, learner, peer)).total), alone);
  },
};

/** The network whose loss it is: the first of those that the gradient is taken to. */
function learnerOf({ inputs, gradientWith }: LossEntry): string {
  return Object.keys(inputs).find((role) => inputs[role] === gradientWith?.[0]) ?? 'first';
}
