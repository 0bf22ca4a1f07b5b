import type { LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertMaps, assertSameChannels } from '../shared/checks.ts';
import { type FeaturePair, featuresTerm, mapsAt, toPairs } from '../shared/features.ts';
import { flattenSpatial } from '../shared/geometry.ts';
import { l2Normalize, stopGradient } from '../shared/math.ts';
import { collectWeights, createRegressors, type Regressor } from '../shared/projector.ts';

/** Options for students with other channels. */
export interface IckdOptions {
  /**
   * `'none'` by default; `{ batchNorm: true }` maps the student's features to the teacher's
   * channels first; they must then be `featureRef(network, name)`.
   */
  readonly regressor?: Regressor;
  /** Seed of the regressors' initial weights; 0. */
  readonly seed?: number;
}

/**
 * Distance between the channel correlation matrices of student and teacher.
 *
 * G = Fᵀ·F, [channels, channels], summed over the positions, each row of G with length 1; ‖G_S −
 * G_T‖² / channels.
 * @param studentMaps [batch, height, width, channels].
 * @param teacherMaps [batch, height, width, channels], with the same number of channels and any
 * size. Not differentiated.
 * @returns [batch], ≥ 0.
 * @throws RangeError for channels that differ.
 * Source: Liu et al., "Exploring inter-channel correlation for diversity-preserved knowledge
 * distillation" (2021), section 3; torchdistill divides this by the batch once more.
 * See also `nst`, which does not depend on the order of channels, and `similarityPreserving`, the
 * same for examples.
 */
export function ickdPerExample(studentMaps: tf.Tensor4D, teacherMaps: tf.Tensor4D): tf.Tensor1D {
  assertMaps('ickd', studentMaps, teacherMaps);
  assertSameChannels(
    'ickd',
    studentMaps,
    teacherMaps,
    'with regressor: { batchNorm: true } they may differ',
  );
  return tf.tidy(() => {
    const difference = tf.sub(correlations(studentMaps), correlations(stopGradient(teacherMaps)));
    return tf.div(tf.sum<tf.Tensor1D>(tf.square(difference), [1, 2]), studentMaps.shape[3]);
  });
}

/**
 * Inter-channel correlation (ICKD), mean over the batch, sum over the pairs; its authors use
 * `weighted(2.5, ickd(pairs))`.
 *
 * The authors' code always applies a 1×1 convolution with batch norm to the student, `regressor: {
 * batchNorm: true }`; the paper only where channels differ.
 */
export function ickd(
  pairs: FeaturePair | readonly FeaturePair[],
  options: IckdOptions = {},
): LossTerm {
  const { regressor = 'none', seed = 0 } = options;
  const regressors = createRegressors('ickd', toPairs<FeaturePair>('ickd', pairs), regressor, seed);
  const term = featuresTerm('ickd', pairs, mapsAt, (student, teacher) => {
    const losses = regressors.map(({ apply }, at) =>
      ickdPerExample(apply(student[at] as tf.Tensor4D), teacher[at] as tf.Tensor4D),
    );
    return tf.addN(losses.map((loss) => tf.mean<tf.Scalar>(loss)));
  });
  return Object.assign(term, { weights: collectWeights(regressors) });
}

function correlations(maps: tf.Tensor4D): tf.Tensor3D {
  const features = flattenSpatial(maps);
  return l2Normalize(tf.matMul(features, features, true));
}
