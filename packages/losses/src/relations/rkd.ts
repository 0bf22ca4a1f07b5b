import { ensure, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertSameBatch } from '../shared/checks.ts';
import { type FeaturePair, featureAt, featureTerm } from '../shared/features.ts';
import { flattenFeatures } from '../shared/geometry.ts';
import { type PairwiseDistances, pairwiseDistances } from '../shared/linalg.ts';
import { l2Normalize, stopGradient } from '../shared/math.ts';

export interface RkdOptions {
  /** Weight of the distances between pairs; 25. */
  readonly distanceWeight?: number;
  /** Weight of the angles of triplets; 50. */
  readonly angleWeight?: number;
  /** Whether features are first normalized to length 1, as MMRazor does by default; false. */
  readonly normalize?: boolean;
}

/**
 * Relational knowledge distillation: distances between pairs of examples and angles between
 * triplets, in the student as in the teacher.
 *
 * distanceWeight · mean_ij h(d_ij of the student − d_ij of the teacher) + angleWeight · mean_ijk
 * h(cos ∠jik of the student − that of the teacher), h the Huber loss at 1, d a distance over the
 * mean of all distances of two examples. Two equal rows have distance 1e-6 and no angle, as in the
 * published code.
 * @param student [batch, …], any shape, flattened.
 * @param teacher [batch, …]; its width may differ. Not differentiated.
 * @returns One number ≥ 0; 0 in a batch of one.
 * @throws RangeError for weights that are not finite or < 0, and for features of other batches.
 * Source: Park, Kim, Lu, Cho, "Relational knowledge distillation" (2019), sections 3.2.1 and 3.2.2.
 * See also `similarityPreserving`, `correlationCongruence`.
 */
export function rkdBatchwise(
  student: tf.Tensor,
  teacher: tf.Tensor,
  options: RkdOptions = {},
): tf.Scalar {
  const { distanceWeight, angleWeight, normalize } = withDefaults(options);
  assertSameBatch('rkd', student, teacher);
  return tf.tidy(() => {
    const [ours, theirs] = [student, stopGradient(teacher)].map((feature) =>
      pairwiseDistances(
        normalize ? l2Normalize(flattenFeatures(feature)) : flattenFeatures(feature),
      ),
    ) as [PairwiseDistances, PairwiseDistances];
    const losses: tf.Scalar[] = [];
    if (distanceWeight > 0)
      losses.push(
        tf.mul(huber(tf.sub(relativeDistances(ours), relativeDistances(theirs))), distanceWeight),
      );
    if (angleWeight > 0)
      losses.push(tf.mul(huber(tf.sub(ours.cosines(), theirs.cosines())), angleWeight));
    return losses.length > 0 ? tf.addN(losses) : tf.mul(tf.sum(ours.squared), 0);
  });
}

/**
 * Relational knowledge distillation (RKD), sum over the pairs of features; the paper's weights are
 * its default options.
 */
export function rkd(
  pairs: FeaturePair | readonly FeaturePair[],
  options: RkdOptions = {},
): LossTerm {
  withDefaults(options);
  return featureTerm('rkd', pairs, featureAt, (student, teacher) =>
    rkdBatchwise(student, teacher, options),
  );
}

/** Returns [batch, batch]: distances divided by their mean. */
function relativeDistances({ squared, apart }: PairwiseDistances): tf.Tensor2D {
  const batch = squared.shape[0];
  const roots = tf.sqrt(tf.where(apart, squared, tf.onesLike(squared)));
  const isOther = tf.sub(1, tf.eye(batch));
  const distances = tf.mul(tf.maximum(tf.where(apart, roots, tf.zerosLike(roots)), 1e-6), isOther);
  // A batch of one has no distance, and so no mean of them.
  return batch === 1
    ? (distances as tf.Tensor2D)
    : tf.div(distances, tf.div(tf.sum(distances), batch * (batch - 1)));
}

/** Mean of x² / 2 up to |x| = 1 and |x| − 1/2 beyond. */
function huber(x: tf.Tensor): tf.Scalar {
  const size = tf.abs(x);
  const inner = tf.minimum(size, 1);
  return tf.mean(tf.mul(inner, tf.sub(size, tf.div(inner, 2))));
}

function withDefaults({
  distanceWeight = 25,
  angleWeight = 50,
  normalize = false,
}: RkdOptions): Required<RkdOptions> {
  for (const [name, weight] of Object.entries({ distanceWeight, angleWeight })) {
    ensure(
      weight >= 0 && weight < Infinity,
      'rkd',
      `${name} ≥ 0`,
      weight,
      '25 for distances and 50 for angles are usual',
    );
  }
  return { distanceWeight, angleWeight, normalize };
}
