import { ensure, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertSameBatch } from '../shared/checks.ts';
import { type FeaturePair, featureAt, featureTerm } from '../shared/features.ts';
import { flattenFeatures } from '../shared/geometry.ts';
import { noGrad, stopGradient, vectorNorm } from '../shared/math.ts';

export interface PktOptions {
  /** Added to lengths and probabilities, > 0; 1e-7. */
  readonly epsilon?: number;
}

/**
 * Divergence between the neighbor probabilities of student and teacher within the batch.
 *
 * p_j|i = (1 + cos(f_i, f_j)) / 2 over its sum along j; mean_ij p_j|i of the teacher · log(p_j|i of
 * the teacher / p_j|i of the student).
 * @param student [batch, …], any shape, flattened.
 * @param teacher [batch, …]; its width may differ. Not differentiated.
 * @returns One number, nats, ≥ 0; 0 in a batch of one. It is the mean over pairs, not the sum over
 * j: small, hence its large weight.
 * @throws RangeError for epsilon ≤ 0 and for features of other batches.
 * Source: Passalis, Tefas, "Learning deep representations with probabilistic knowledge transfer"
 * (2018), section 3, with the cosine kernel.
 * See also `similarityPreserving`.
 */
export function pktBatchwise(
  student: tf.Tensor,
  teacher: tf.Tensor,
  { epsilon = 1e-7 }: PktOptions = {},
): tf.Scalar {
  assertEpsilon(epsilon);
  assertSameBatch('pkt', student, teacher);
  return tf.tidy(() => {
    const [model, target] = [
      neighborProbabilities(student, epsilon),
      neighborProbabilities(stopGradient(teacher), epsilon),
    ];
    const excess = tf.sub(target, model);
    // Rows of both add up to 1, so that subtracting the excess changes nothing; all terms are then
    // small if both are close, and none cancels another.
    return tf.mean(
      tf.sub(tf.mul(target, tf.log1p(tf.div(excess, tf.add(model, epsilon)))), excess),
    );
  });
}

/**
 * Probabilistic knowledge transfer (PKT), sum over the pairs of features; usually `weighted(30000,
 * pkt(pairs))`.
 */
export function pkt(
  pairs: FeaturePair | readonly FeaturePair[],
  options: PktOptions = {},
): LossTerm {
  assertEpsilon(options.epsilon ?? 1e-7);
  return featureTerm('pkt', pairs, featureAt, (student, teacher) =>
    pktBatchwise(student, teacher, options),
  );
}

/**
 * Returns [batch, batch], where each row adds up to 1. A vector of zeros is equally near to all.
 */
function neighborProbabilities(feature: tf.Tensor, epsilon: number): tf.Tensor2D {
  const rows = flattenFeatures(feature);
  const length = vectorNorm(rows, 1, true);
  const directions = tf.mul<tf.Tensor2D>(
    rows,
    tf.div(
      noGrad(() => tf.cast(tf.greater(length, 0), 'float32')),
      tf.add(length, epsilon),
    ),
  );
  const near = tf.div(tf.add(tf.matMul(directions, directions, false, true), 1), 2);
  return tf.div(near, tf.sum(near, 1, true));
}

function assertEpsilon(epsilon: number): void {
  ensure(epsilon > 0 && epsilon < Infinity, 'pkt', 'epsilon > 0', epsilon, '1e-7 is usual');
}
