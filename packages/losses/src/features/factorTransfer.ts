import { ensure, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { type FeaturePair, featureTerm, mapsAt } from '../shared/features.ts';
import { flattenFeatures, poolToSmaller } from '../shared/geometry.ts';
import { abs, l2Normalize, stopGradient } from '../shared/math.ts';

/** Options of factor transfer. */
export interface FactorTransferOptions {
  /**
   * Power of the activations that are averaged over channels (RepDistiller, an integer ≥ 1; 2), or
   * `'raw'`: the maps themselves are the factors, with their channels (MMRazor).
   */
  readonly p1?: number | 'raw';
  /** Power of the difference, an integer ≥ 1; 1, the absolute difference. */
  readonly p2?: number;
}

/**
 * Distance between the normalized factors of two networks' maps.
 *
 * mean |F(student) − F(teacher)|^p2, F(maps) = f / ‖f‖ for each example, where f is the mean over
 * channels of maps^p1, or the maps themselves
 * @param student [batch, height, width, channels]. A map of zeros has the factor 0 and gradient 0.
 * @param teacher [batch, height, width, channels]; its size and, unless `p1: 'raw'`, its channels
 * may differ: the larger maps are averaged down. Not differentiated.
 * @returns [batch], ≥ 0.
 * @throws RangeError for p1 and p2 that are not integers ≥ 1, and for raw factors with different
 * channels.
 * Source: Kim, Park, Kwak, "Paraphrasing complex network: network compression via factor transfer"
 * (2018), section 3. The paper trains a paraphraser of the teacher and a translator of the student
 * to compute the factors; RepDistiller averages over channels instead, which is the default here.
 */
export function factorTransferPerExample(
  student: tf.Tensor4D,
  teacher: tf.Tensor4D,
  { p1 = 2, p2 = 1 }: FactorTransferOptions = {},
): tf.Tensor1D {
  assertPowers(p1, p2);
  return tf.tidy(() => {
    const [small, target] = poolToSmaller(student, stopGradient(teacher));
    const comparable = p1 !== 'raw' || small.shape[3] === target.shape[3];
    ensure(
      comparable,
      'factorTransfer',
      'raw factors with the same number of channels',
      `[${small.shape.join(', ')}] and [${target.shape.join(', ')}]`,
      'p1: 2 averages over the channels',
    );
    const difference = tf.sub(factor(small, p1), factor(target, p1));
    return tf.mean<tf.Tensor1D>(p2 === 1 ? abs(difference) : power(difference, p2), 1);
  });
}

/**
 * Factor transfer, mean over the batch, sum over the pairs; usually `weighted(200, factorTransfer({
 * student: 'stage3', teacher: 'stage3' }))`.
 * See also `attentionTransfer`.
 */
export function factorTransfer(
  pairs: FeaturePair | readonly FeaturePair[],
  options: FactorTransferOptions = {},
): LossTerm {
  assertPowers(options.p1 ?? 2, options.p2 ?? 1);
  return featureTerm(
    'factorTransfer',
    pairs,
    mapsAt,
    (student, teacher) => tf.mean(factorTransferPerExample(student, teacher, options)) as tf.Scalar,
  );
}

function factor(maps: tf.Tensor4D, p1: number | 'raw'): tf.Tensor2D {
  return l2Normalize(flattenFeatures(p1 === 'raw' ? maps : tf.mean(power(maps, p1), 3)));
}

function power<T extends tf.Tensor>(x: T, exponent: number): T {
  if (exponent === 1) return x;
  return exponent === 2 ? tf.square(x) : (tf.pow(x, exponent) as T);
}

function assertPowers(p1: number | 'raw', p2: number): void {
  ensure(
    p1 === 'raw' || (Number.isInteger(p1) && p1 >= 1),
    'factorTransfer',
    "p1 as a whole number ≥ 1 or 'raw'",
    p1,
    '2 is usual',
  );
  ensure(
    Number.isInteger(p2) && p2 >= 1,
    'factorTransfer',
    'p2 as a whole number ≥ 1',
    p2,
    '1 is usual',
  );
}
