import type { LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { detached } from '../detached.ts';
import { flat } from '../flat.ts';
import { pairTerm } from '../pairTerm.ts';
import { featureAt, type TapPair } from '../taps.ts';
import { unit } from '../unit.ts';
import { expectSameBatch } from './expectations.ts';

/**
 * Pictures that look alike to the teacher shall look alike to the student.
 *
 * G = F·Fᵀ of the flattened features, each row of G at length 1; ‖G_S − G_T‖² / batch².
 * @param student [batch, …], any shape. Not that of the teacher, if need be: only the batch counts.
 * @param teacher [batch, …]. Not differentiated.
 * @returns One number ≥ 0; 0 in a batch of one.
 * @throws RangeError on features of other batches.
 * Source: Tung, Mori, "Similarity-preserving knowledge distillation" (2019), section 2.
 * See also `relational`, which compares distances and angles, `correlationCongruence` and `probabilisticTransfer`.
 */
export function similarityPreservingOfBatch(student: tf.Tensor, teacher: tf.Tensor): tf.Scalar {
  expectSameBatch('similarityPreserving', student, teacher);
  const pairs = student.shape[0] ** 2;
  return tf.tidy(() => tf.div(tf.sum(tf.square(tf.sub(similarities(student), similarities(detached(teacher))))), pairs));
}

/** Similarity preserving, summed over the pairs; usually `weighted(3000, similarityPreserving(pairs))`. */
export function similarityPreserving(pairs: TapPair | readonly TapPair[]): LossTerm {
  return pairTerm('similarityPreserving', pairs, featureAt, similarityPreservingOfBatch);
}

function similarities(feature: tf.Tensor): tf.Tensor2D {
  const rows = flat(feature);
  return unit(tf.matMul(rows, rows, false, true));
}
