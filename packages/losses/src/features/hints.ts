import type { LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../detached.ts';
import { type FeaturePair, pairsOf } from '../taps.ts';
import { alike, meanSquares } from './alike.ts';
import { projectedTerm } from './projectedTerm.ts';
import { type Regressor, regressorsOf } from './regressors.ts';

/** How hints compare. */
export interface HintsOptions {
  /**
   * `{}`, a 1×1 convolution without bias; `{ bias: true, batchNorm: true, relu: true }` is
   * RepDistiller's `ConvReg`; `'none'` compares the features themselves.
   */
  readonly regressor?: Regressor;
  /** The regressors' first weights are drawn from it; 0. */
  readonly seed?: number;
}

/**
 * How far a student's features are from a teacher's.
 *
 * mean over places and channels of (student − teacher)²; of maps of other sizes the larger is
 * averaged down first.
 * @param student Maps [batch, height, width, channels] or rows [batch, channels], regressed to the
 * teacher's channels.
 * @param teacher The same with its own height and width. Not differentiated.
 * @returns [batch], ≥ 0.
 * @throws RangeError on channels that differ, and on rows against maps.
 * Source: Romero et al., "FitNets: hints for thin deep nets" (2015), section 2.2, as the mean that
 * RepDistiller takes of it.
 */
export function hintsPerExample(student: tf.Tensor, teacher: tf.Tensor): tf.Tensor1D {
  return tf.tidy(() => meanSquares('hints', ...alike('hints', student, stopGradient(teacher))));
}

/**
 * Hints: the student's features, through a regressor of the term's own, against the teacher's; mean
 * over the batch, sum over the pairs.
 * Usually `weighted(100, hints({ student: featureRef(student, 'stage2'), teacher:
 * featureRef(teacher, 'stage2') }))`.
 *
 * See also `attentionTransfer` and `similarityPreserving`, which need no regressor, and `ofd`,
 * which leaves out what the teacher's ReLU hides.
 */
export function hints(
  pairs: FeaturePair | readonly FeaturePair[],
  { regressor = {}, seed = 0 }: HintsOptions = {},
): LossTerm {
  const regressors = regressorsOf('hints', pairsOf<FeaturePair>('hints', pairs), regressor, seed);
  return projectedTerm(
    'hints',
    pairs,
    regressors,
    (student, teacher) => tf.mean(hintsPerExample(student, teacher)) as tf.Scalar,
  );
}
