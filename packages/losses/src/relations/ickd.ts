import type { LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertMaps, assertSameChannels } from '../shared/checks.ts';
import { type FeaturePair, featuresTerm, mapsAt, toPairs } from '../shared/features.ts';
import { flattenSpatial } from '../shared/geometry.ts';
import { l2Normalize, stopGradient } from '../shared/math.ts';
import { collectWeights, createRegressors, type Regressor } from '../shared/projector.ts';

/** How a student of other channels is compared. */
export interface IckdOptions {
  /**
   * `'none'`; `{ batchNorm: true }` puts the student's maps on the teacher's channels first, whose
   * taps must then be `featureRef(network, name)`.
   */
  readonly regressor?: Regressor;
  /** The regressors' first weights are drawn from it; 0. */
  readonly seed?: number;
}

/**
 * Which channels of the student go together, against which of the teacher's do (ICKD).
 *
 * G = Fᵀ·F, [channels, channels], summed over the places, each row of G at length 1; ‖G_S − G_T‖² /
 * channels.
 * @param studentMaps [batch, height, width, channels].
 * @param teacherMaps [batch, height, width, channels]: as many channels, any size. Not
 * differentiated.
 * @returns [batch], ≥ 0.
 * @throws RangeError on channels that differ.
 * Source: Liu et al., "Exploring inter-channel correlation for diversity-preserved knowledge
 * distillation" (2021), section 3; torchdistill's is this over
 * the batch once more.
 * See also `nst`, which does not know channels by their number, and `similarityPreserving`, which
 * does this for examples.
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
 * Inter-channel correlation (ICKD), mean over the batch, summed over the pairs; `weighted(2.5,
 * ickd(pairs))` is its authors'.
 *
 * Its authors' code puts a 1×1 convolution with batch norm before the student always, `regressor: {
 * batchNorm: true }`; the paper where channels differ.
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
