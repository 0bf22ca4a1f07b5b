import type { LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../detached.ts';
import { featuresTerm } from '../pairTerm.ts';
import { type FeaturePair, featureAt } from '../taps.ts';
import { alike } from './alike.ts';
import { type Projector, weightsOf } from './projector.ts';

/**
 * A term that compares features pair by pair: both at the smaller of their sizes, the student's
 * behind its connector.
 * @param loss What a pair adds, from features of one shape. @param at Number of the pair.
 */
export function projectedTerm(
  caller: string,
  pairs: FeaturePair | readonly FeaturePair[],
  connectors: readonly Projector[],
  loss: (student: tf.Tensor, teacher: tf.Tensor, at: number) => tf.Scalar,
): LossTerm {
  const term = featuresTerm(caller, pairs, featureAt, (student, teacher) => {
    const losses = connectors.map(({ apply }, at) => {
      const [small, target] = alike(
        caller,
        student[at] as tf.Tensor,
        stopGradient(teacher[at] as tf.Tensor),
      );
      return loss(apply(small), target, at);
    });
    return tf.addN(losses) as tf.Scalar;
  });
  return Object.assign(term, { weights: weightsOf(connectors) });
}

/**
 * What the stages of a network count in methods that double from each to the next: 2^(at − count +
 * 1), the last one 1.
 */
export function doubling(at: number, count: number): number {
  return 2 ** (at - count + 1);
}
