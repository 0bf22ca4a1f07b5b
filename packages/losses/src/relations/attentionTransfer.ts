import { ensure, expectedError, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertMaps } from '../shared/checks.ts';
import { type FeaturePair, featureTerm, mapsAt } from '../shared/features.ts';
import { poolToSmaller } from '../shared/geometry.ts';
import { l2Normalize, safeSqrt, stopGradient } from '../shared/math.ts';

export interface AttentionTransferOptions {
  /** p ≥ 1, the power of an activation that counts as attention; 2. */
  readonly power?: number;
  /**
   * Mean squared difference of two attention maps, as in the authors' code and most others (the
   * default), or its length, as in the paper.
   */
  readonly distance?: 'mean square' | 'length';
}

/**
 * Distance between the spatial attention maps of student and teacher.
 *
 * Q = mean_c |A_c|^p over the channels, as a vector of positions with length 1; mean((Q_S − Q_T)²)
 * over the positions, or ‖Q_S − Q_T‖ with distance 'length'. For even powers this equals the
 * authors' code, which omits the absolute value.
 * @param studentMaps [batch, height, width, channels]. Channels may differ from the teacher's; of
 * two sizes the larger is averaged down to the smaller.
 * @param teacherMaps [batch, height, width, channels]. Not differentiated.
 * @returns [batch], ≥ 0, 0 for equal attention maps.
 * @throws RangeError for a power < 1 and for features that are not maps.
 * Source: Zagoruyko, Komodakis, "Paying more attention to attention" (2017), section 3.1.
 * See also `nst`, which keeps the map of every channel, and `cwd`.
 */
export function attentionTransferPerExample(
  studentMaps: tf.Tensor4D,
  teacherMaps: tf.Tensor4D,
  options: AttentionTransferOptions = {},
): tf.Tensor1D {
  const { power = 2, distance = 'mean square' } = options;
  assertPower(power);
  assertMaps('attentionTransfer', studentMaps, teacherMaps);
  return tf.tidy(() => {
    const [student, teacher] = poolToSmaller(studentMaps, stopGradient(teacherMaps));
    const squares = tf.square(tf.sub(attention(student, power), attention(teacher, power)));
    switch (distance) {
      case 'mean square':
        return tf.mean<tf.Tensor1D>(squares, 1);
      case 'length':
        return safeSqrt(tf.sum<tf.Tensor1D>(squares, 1));
      default:
        throw expectedError(
          'attentionTransfer',
          "distance 'mean square' or 'length'",
          distance satisfies never,
        );
    }
  });
}

/**
 * Attention transfer (AT), mean over the batch, sum over the pairs; usually `weighted(1000,
 * attentionTransfer(pairs))`.
 */
export function attentionTransfer(
  pairs: FeaturePair | readonly FeaturePair[],
  options: AttentionTransferOptions = {},
): LossTerm {
  assertPower(options.power ?? 2);
  return featureTerm('attentionTransfer', pairs, mapsAt, (student, teacher) =>
    tf.mean(attentionTransferPerExample(student, teacher, options)),
  );
}

/** Returns [batch, positions], each row with length 1. */
function attention(maps: tf.Tensor4D, power: number): tf.Tensor2D {
  // A general power takes many times as long as a square, and 2 is what everybody uses.
  const strength = power === 2 ? tf.square(maps) : tf.pow(tf.abs(maps), power);
  return l2Normalize(tf.reshape(tf.mean(strength, 3), [maps.shape[0], -1]));
}

function assertPower(power: number): void {
  ensure(power >= 1 && power < Infinity, 'attentionTransfer', 'power ≥ 1', power, '2 is usual');
}
