import type { LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertSameBatch } from '../shared/checks.ts';
import { type FeaturePair, featureAt, featureTerm } from '../shared/features.ts';
import { flattenFeatures } from '../shared/geometry.ts';
import { l2Normalize, stopGradient } from '../shared/math.ts';

/**
 * Distance between the similarity matrices of a batch: images that are similar to the teacher are
 * to be similar to the student.
 *
 * G = F·Fᵀ of the flattened features, each row of G with length 1; ‖G_S − G_T‖² / batch².
 * @param student [batch, …], any shape, which may differ from the teacher's: only the batch has to
 * be the same.
 * @param teacher [batch, …]. Not differentiated.
 * @returns One number ≥ 0; 0 in a batch of one.
 * @throws RangeError for features of other batches.
 * Source: Tung, Mori, "Similarity-preserving knowledge distillation" (2019), section 2.
 * See also `rkd`, which compares distances and angles, `correlationCongruence` and `pkt`.
 */
export function similarityPreservingBatchwise(student: tf.Tensor, teacher: tf.Tensor): tf.Scalar {
  assertSameBatch('similarityPreserving', student, teacher);
  const pairs = student.shape[0] ** 2;
  return tf.tidy(() =>
    tf.div(
      tf.sum(tf.square(tf.sub(similarities(student), similarities(stopGradient(teacher))))),
      pairs,
    ),
  );
}

/**
 * Similarity preserving (SP), sum over the pairs; usually `weighted(3000,
 * similarityPreserving(pairs))`.
 */
export function similarityPreserving(pairs: FeaturePair | readonly FeaturePair[]): LossTerm {
  return featureTerm('similarityPreserving', pairs, featureAt, similarityPreservingBatchwise);
}

function similarities(feature: tf.Tensor): tf.Tensor2D {
  const rows = flattenFeatures(feature);
  return l2Normalize(tf.matMul(rows, rows, false, true));
}
