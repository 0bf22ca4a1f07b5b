import { expectedError, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { constant, stopGradient } from '../detached.ts';
import { featureTerm } from '../pairTerm.ts';
import { bilinearTo, type MapSize } from '../resize.ts';
import { safeSqrt } from '../safeSqrt.ts';
import { type FeaturePair, mapsAt } from '../taps.ts';
import { expectSameChannels } from './expectations.ts';
import { expectMaps } from './places.ts';

export interface PkdOptions {
  /** Who is interpolated to the other's size where sizes differ; the student. */
  readonly resize?: 'student' | 'teacher';
}

/**
 * Features that rise and fall together, whatever their scale: about 1 minus the Pearson correlation
 * of each channel, averaged.
 *
 * mean((ŝ − t̂)²) / 2, x̂ = (x − mean) / (std + 1e-6) of each channel over batch and places, the
 * standard deviation the unbiased one.
 * @param studentMaps [batch, height, width, channels].
 * @param teacherMaps [batch, height, width, channels]: as many channels; another size is
 * interpolated, bilinearly with corners not aligned. Not differentiated.
 * @returns One number ≥ 0, 0 where each channel is a·x + b of the teacher's, a > 0.
 * @throws RangeError on channels that differ.
 * Source: Cao et al., "PKD: general distillation framework for object detectors via Pearson
 * correlation coefficient" (2022), section 3; as in MMRazor.
 * See also `dist`, which correlates logits.
 */
export function pkdBatchwise(
  studentMaps: tf.Tensor4D,
  teacherMaps: tf.Tensor4D,
  { resize = 'student' }: PkdOptions = {},
): tf.Scalar {
  expectMaps('pkd', studentMaps, teacherMaps);
  expectSameChannels('pkd', studentMaps, teacherMaps, 'take taps where both networks are as wide');
  return tf.tidy(() => {
    const [student, teacher] = resized(studentMaps, stopGradient(teacherMaps), resize);
    return tf.div(
      tf.mean<tf.Scalar>(tf.square(tf.sub(standardized(student), standardized(teacher)))),
      2,
    );
  });
}

/** Pearson correlation of features (PKD), over the batch, summed over the pairs; `weighted(6, pearson(pairs))`
 * for detectors of two stages and 10 for one (its paper's, in MMRazor).
 */
export function pkd(
  pairs: FeaturePair | readonly FeaturePair[],
  options: PkdOptions = {},
): LossTerm {
  return featureTerm('pearson', pairs, mapsAt, (student, teacher) =>
    pkdBatchwise(student, teacher, options),
  );
}

function resized(
  student: tf.Tensor4D,
  teacher: tf.Tensor4D,
  resize: 'student' | 'teacher',
): [tf.Tensor4D, tf.Tensor4D] {
  switch (resize) {
    case 'student':
      return [bilinearTo(student, sizeOf(teacher)), teacher];
    case 'teacher':
      return [student, bilinearTo(teacher, sizeOf(student))];
    default:
      throw expectedError('pkd', "resize 'student' or 'teacher'", resize satisfies never);
  }
}

function sizeOf({ shape }: tf.Tensor4D): MapSize {
  return [shape[1], shape[2]];
}

/** A deviation up to this share of the mean is rounding: the channel is constant. */
const rounding = 1e-6;

function standardized(maps: tf.Tensor4D): tf.Tensor4D {
  const [batch, height, width] = maps.shape;
  const mean = tf.mean(maps, [0, 1, 2], true);
  const centred = tf.sub<tf.Tensor4D>(maps, mean);
  // One number has no deviation: 0 / 1 in place of 0 / 0.
  const variance = tf.div<tf.Tensor4D>(
    tf.sum(tf.square(centred), [0, 1, 2], true),
    Math.max(batch * height * width - 1, 1),
  );
  const excess = tf.sub<tf.Tensor4D>(variance, tf.square(tf.mul(mean, rounding)));
  const varies = constant(() => tf.cast(tf.greater(excess, 0), 'float32'));
  return tf.div(tf.mul(centred, varies), tf.add(safeSqrt(tf.mul(variance, varies)), 1e-6));
}
