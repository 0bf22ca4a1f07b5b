import { ensure, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../detached.ts';
import { flat } from '../flat.ts';
import { featureTerm } from '../pairTerm.ts';
import { atSmallerSize } from '../resize.ts';
import { type FeaturePair, mapsAt } from '../taps.ts';
import { l2Normalize } from '../unit.ts';
import { absolute } from './absolute.ts';

/** What a factor is and how two of them are compared. */
export interface FactorTransferOptions {
  /**
   * Activations to this power are averaged over channels (RepDistiller, a whole number ≥ 1; 2), or
   * `'raw'`: the maps are the factors, channels kept (MMRazor).
   */
  readonly p1?: number | 'raw';
  /** Power of the difference: 1 is the absolute one; 1. */
  readonly p2?: number;
}

/**
 * How far the factors of two networks' maps are from each other.
 *
 * mean |F(student) − F(teacher)|^p2, F(maps) = f / ‖f‖ for each example, f the maps' mean over
 * channels of maps^p1, or the maps themselves
 * @param student [batch, height, width, channels]. A map of zeros has the factor 0 and gradient 0.
 * @param teacher [batch, height, width, channels]; sizes and, unless `p1: 'raw'`, channels may
 * differ: the larger is averaged down. Not differentiated.
 * @returns [batch], ≥ 0.
 * @throws RangeError on p1 and p2 that are no whole numbers ≥ 1, and on raw factors of other
 * channels.
 * Source: Kim, Park, Kwak, "Paraphrasing complex network: network compression via factor transfer"
 * (2018), section 3. The paper trains a paraphraser of the
 * teacher and a translator of the student to make the factors; RepDistiller averages over channels
 * instead, which is the default here.
 */
export function factorTransferPerExample(
  student: tf.Tensor4D,
  teacher: tf.Tensor4D,
  { p1 = 2, p2 = 1 }: FactorTransferOptions = {},
): tf.Tensor1D {
  expectPowers(p1, p2);
  return tf.tidy(() => {
    const [small, target] = atSmallerSize(student, stopGradient(teacher));
    const same = p1 !== 'raw' || small.shape[3] === target.shape[3];
    ensure(
      same,
      'factorTransfer',
      'raw factors of as many channels',
      `[${small.shape.join(', ')}] and [${target.shape.join(', ')}]`,
      'average them: p1: 2',
    );
    const apart = tf.sub(factor(small, p1), factor(target, p1));
    return tf.mean<tf.Tensor1D>(p2 === 1 ? absolute(apart) : power(apart, p2), 1);
  });
}

/**
 * Factor transfer, mean over the batch, sum over the pairs. Usually `weighted(200, factorTransfer({
 * student: 'stage3', teacher: 'stage3' }))`. See also `attentionTransfer`.
 */
export function factorTransfer(
  pairs: FeaturePair | readonly FeaturePair[],
  options: FactorTransferOptions = {},
): LossTerm {
  expectPowers(options.p1 ?? 2, options.p2 ?? 1);
  return featureTerm(
    'factorTransfer',
    pairs,
    mapsAt,
    (student, teacher) => tf.mean(factorTransferPerExample(student, teacher, options)) as tf.Scalar,
  );
}

function factor(maps: tf.Tensor4D, p1: number | 'raw'): tf.Tensor2D {
  return l2Normalize(flat(p1 === 'raw' ? maps : tf.mean(power(maps, p1), 3)));
}

function power<T extends tf.Tensor>(x: T, exponent: number): T {
  if (exponent === 1) return x;
  return exponent === 2 ? tf.square(x) : (tf.pow(x, exponent) as T);
}

function expectPowers(p1: number | 'raw', p2: number): void {
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
