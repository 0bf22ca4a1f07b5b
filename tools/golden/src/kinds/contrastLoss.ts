import { contrastLossPerExample } from '@kd/losses';
import type { Scalar } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { numberOf } from '../values.ts';
import type { LossKind } from './kind.ts';

/**
 * `CRD ContrastLoss on fixed scores`: scores are probabilities' numerators, the positive pair's
 * first.
 */
export const contrastLossKind: LossKind = {
  matches: ({ loss, inputs }) => /^CRD\b/.test(loss) && inputs.scores !== undefined,
  options: ['nData', 'epsilon'],
  value({ options }, roles) {
    const scores = roles.tensor('scores');
    const rows = tf.reshape<tf.Rank.R2>(scores, scores.shape.slice(0, 2) as [number, number]);
    const wanted = {
      pictures: numberOf(options, 'nData'),
      epsilon: numberOf(options, 'epsilon', 1e-7),
    };
    return tf.mean(contrastLossPerExample(tf.log(rows), wanted)) as Scalar;
  },
};
