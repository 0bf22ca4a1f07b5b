import type { LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { type FeaturePair, toPairs } from '../shared/features.ts';
import { matchSpatialSize, meanSquaredError } from '../shared/geometry.ts';
import { stopGradient } from '../shared/math.ts';
import { createRegressors, projectedTerm, type Regressor } from '../shared/projector.ts';

/** Options of hints. */
export interface HintsOptions {
  /**
   * `{}` by default, a 1×1 convolution without bias; `{ bias: true, batchNorm: true, relu: true }`
   * is RepDistiller's `ConvReg`; `'none'` compares the features themselves.
   */
  readonly regressor?: Regressor;
  /** Seed of the regressors' initial weights; 0. */
  readonly seed?: number;
}

/**
 * Mean squared error between a student's features and a teacher's.
 *
 * mean over positions and channels of (student − teacher)²; of maps with different sizes the larger
 * is averaged down first.
 * @param student Maps [batch, height, width, channels] or vectors [batch, channels], regressed to
 * the teacher's channels.
 * @param teacher The same with its own height and width. Not differentiated.
 * @returns [batch], ≥ 0.
 * @throws RangeError for channels that differ, and for vectors against maps.
 * Source: Romero et al., "FitNets: hints for thin deep nets" (2015), section 2.2, with
 * RepDistiller's mean in place of the sum.
 */
export function hintsPerExample(student: tf.Tensor, teacher: tf.Tensor): tf.Tensor1D {
  return tf.tidy(() =>
    meanSquaredError('hints', ...matchSpatialSize('hints', student, stopGradient(teacher))),
  );
}

/**
 * FitNets hints: the student's features, through a trained regressor, against the teacher's; mean
 * over the batch, sum over the pairs. Usually `weighted(100, hints({ student: featureRef(student,
 * 'stage2'), teacher: featureRef(teacher, 'stage2') }))`.
 *
 * See also `attentionTransfer` and `similarityPreserving`, which need no regressor, and `ofd`,
 * which ignores what the teacher's ReLU suppresses.
 */
export function hints(
  pairs: FeaturePair | readonly FeaturePair[],
  { regressor = {}, seed = 0 }: HintsOptions = {},
): LossTerm {
  const regressors = createRegressors(
    'hints',
    toPairs<FeaturePair>('hints', pairs),
    regressor,
    seed,
  );
  return projectedTerm(
    'hints',
    pairs,
    regressors,
    (student, teacher) => tf.mean(hintsPerExample(student, teacher)) as tf.Scalar,
  );
}
