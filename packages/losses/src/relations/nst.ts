import type { LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertMaps } from '../shared/checks.ts';
import { type FeaturePair, featureTerm, mapsAt } from '../shared/features.ts';
import { flattenSpatial, poolToSmaller } from '../shared/geometry.ts';
import { l2Normalize, stopGradient } from '../shared/math.ts';

/**
 * Neuron selectivity transfer: each channel is a sample of the positions that a neuron selects, and
 * the student's samples are to have the distribution of the teacher's.
 *
 * The squared maximum mean discrepancy of the channels, as vectors of positions with length 1, with
 * the kernel k(a, b) = (a·b)²: mean k(s, s′) + mean k(t, t′) − 2 · mean k(s, t). All three are
 * computed, so that the value is a distance; the second has no gradient.
 * @param studentMaps [batch, height, width, channels]. Channels may differ from the teacher's; of
 * two sizes the larger is averaged down to the smaller.
 * @param teacherMaps [batch, height, width, channels]. Not differentiated.
 * @returns [batch], ≥ 0 up to rounding.
 * @throws RangeError for features that are not maps of one batch.
 * Source: Huang, Wang, "Like what you like: knowledge distill via neuron selectivity transfer"
 * (2017), section 4.2, polynomial kernel of degree 2.
 * See also `attentionTransfer`, which compares the sum of the channels, and `ickd`, which depends
 * on their order.
 */
export function nstPerExample(studentMaps: tf.Tensor4D, teacherMaps: tf.Tensor4D): tf.Tensor1D {
  assertMaps('nst', studentMaps, teacherMaps);
  return tf.tidy(() => {
    const [s, t] = poolToSmaller(studentMaps, stopGradient(teacherMaps)).map((maps) =>
      l2Normalize(flattenSpatial(maps), 1),
    ) as [tf.Tensor3D, tf.Tensor3D];
    return tf.sub(tf.add(kernelMean(s, s), kernelMean(t, t)), tf.mul(kernelMean(s, t), 2));
  });
}

/**
 * Neuron selectivity transfer (NST), mean over the batch, sum over the pairs; usually `weighted(50,
 * nst(pairs))`.
 */
export function nst(pairs: FeaturePair | readonly FeaturePair[]): LossTerm {
  return featureTerm('nst', pairs, mapsAt, (student, teacher) =>
    tf.mean(nstPerExample(student, teacher)),
  );
}

/** Returns [batch], the mean over all pairs of a channel of one and a channel of the other. */
function kernelMean(one: tf.Tensor3D, other: tf.Tensor3D): tf.Tensor1D {
  return tf.mean(tf.square(tf.matMul(one, other, true)), [1, 2]);
}
