import { expectedError, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertMaps, assertSameChannels } from '../shared/checks.ts';
import { type FeaturePair, featureTerm, mapsAt } from '../shared/features.ts';
import { type MapSize, resizeBilinear } from '../shared/geometry.ts';
import { noGrad, safeSqrt, stopGradient } from '../shared/math.ts';

export interface PkdOptions {
  /** The maps that are interpolated to the other's size if sizes differ; the student's. */
  readonly resize?: 'student' | 'teacher';
}

/**
 * Pearson correlation of each channel's features, independent of their scale: about 1 minus the
 * correlation, averaged over channels.
 *
 * mean((ŝ − t̂)²) / 2, x̂ = (x − mean) / (std + 1e-6) of each channel over batch and positions, the
 * standard deviation the unbiased one.
 * @param studentMaps [batch, height, width, channels].
 * @param teacherMaps [batch, height, width, channels], with the same number of channels; another
 * size is interpolated, bilinearly with corners not aligned. Not differentiated.
 * @returns One number ≥ 0, 0 if each channel is a·x + b of the teacher's, a > 0.
 * @throws RangeError for channels that differ.
 * Source: Cao et al., "PKD: general distillation framework for object detectors via Pearson
 * correlation coefficient" (2022), section 3; as in MMRazor.
 * See also `dist`, which correlates logits.
 */
export function pkdBatchwise(
  studentMaps: tf.Tensor4D,
  teacherMaps: tf.Tensor4D,
  { resize = 'student' }: PkdOptions = {},
): tf.Scalar {
  assertMaps('pkd', studentMaps, teacherMaps);
  assertSameChannels('pkd', studentMaps, teacherMaps, 'choose features of equal width');
  return tf.tidy(() => {
    const [student, teacher] = resizeOne(studentMaps, stopGradient(teacherMaps), resize);
    return tf.div(
      tf.mean<tf.Scalar>(
        tf.square(tf.sub(standardizeChannels(student), standardizeChannels(teacher))),
      ),
      2,
    );
  });
}

/**
 * Pearson correlation of features (PKD), over the batch, sum over the pairs; `weighted(6,
 * pkd(pairs))` for two-stage detectors and 10 for one-stage ones (the paper's values in MMRazor).
 */
export function pkd(
  pairs: FeaturePair | readonly FeaturePair[],
  options: PkdOptions = {},
): LossTerm {
  return featureTerm('pkd', pairs, mapsAt, (student, teacher) =>
    pkdBatchwise(student, teacher, options),
  );
}

function resizeOne(
  student: tf.Tensor4D,
  teacher: tf.Tensor4D,
  resize: 'student' | 'teacher',
): [tf.Tensor4D, tf.Tensor4D] {
  switch (resize) {
    case 'student':
      return [resizeBilinear(student, spatialSize(teacher)), teacher];
    case 'teacher':
      return [student, resizeBilinear(teacher, spatialSize(student))];
    default:
      throw expectedError('pkd', "resize 'student' or 'teacher'", resize satisfies never);
  }
}

function spatialSize({ shape }: tf.Tensor4D): MapSize {
  return [shape[1], shape[2]];
}

/** A standard deviation up to this share of the mean is rounding: the channel is constant. */
const rounding = 1e-6;

function standardizeChannels(maps: tf.Tensor4D): tf.Tensor4D {
  const [batch, height, width] = maps.shape;
  const mean = tf.mean(maps, [0, 1, 2], true);
  const centered = tf.sub<tf.Tensor4D>(maps, mean);
  // A single value has no standard deviation: 0 / 1 in place of 0 / 0.
  const variance = tf.div<tf.Tensor4D>(
    tf.sum(tf.square(centered), [0, 1, 2], true),
    Math.max(batch * height * width - 1, 1),
  );
  const excess = tf.sub<tf.Tensor4D>(variance, tf.square(tf.mul(mean, rounding)));
  const varies = noGrad(() => tf.cast(tf.greater(excess, 0), 'float32'));
  return tf.div(tf.mul(centered, varies), tf.add(safeSqrt(tf.mul(variance, varies)), 1e-6));
}
