import type { LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { detached } from '../detached.ts';
import { featuresTerm } from '../pairTerm.ts';
import { featureAt, type TapPair } from '../taps.ts';
import { alike } from './alike.ts';
import { type Connector, weightsOf } from './connector.ts';

/**
 * A term that compares features pair by pair: both at the smaller of their sizes, the student's behind its connector.
 * @param loss What a pair adds, from features of one shape. @param at Number of the pair.
 */
export function connectedTerm(
  where: string,
  pairs: TapPair | readonly TapPair[],
  connectors: readonly Connector[],
  loss: (student: tf.Tensor, teacher: tf.Tensor, at: number) => tf.Scalar,
): LossTerm {
  const term = featuresTerm(where, pairs, featureAt, (student, teacher) => {
    const losses = connectors.map(({ apply }, at) => {
      const [small, target] = alike(where, student[at] as tf.Tensor, detached(teacher[at] as tf.Tensor));
      return loss(apply(small), target, at);
    });
    return tf.addN(losses) as tf.Scalar;
  });
  return Object.assign(term, { weights: weightsOf(connectors) });
}

/** What the stages of a network count in methods that double from each to the next: 2^(at − count + 1), the last one 1. */
export function doubling(at: number, count: number): number {
  return 2 ** (at - count + 1);
}
