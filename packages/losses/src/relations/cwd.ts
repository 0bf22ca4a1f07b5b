import type { LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { assertMaps, assertSameChannels, assertTemperature } from '../shared/checks.ts';
import { type FeaturePair, featureTerm, mapsAt } from '../shared/features.ts';
import { flattenSpatial, poolToSmaller } from '../shared/geometry.ts';
import { divergence } from '../shared/klDivergence.ts';
import { stopGradient } from '../shared/math.ts';

/**
 * Divergence between each channel's spatial distribution in the student and in the teacher.
 *
 * τ² · mean_c KL(softmax(teacher's map of c / τ) ‖ softmax(student's map of c / τ)), the softmax
 * over the positions.
 * @param studentMaps [batch, height, width, channels].
 * @param teacherMaps [batch, height, width, channels], with the same number of channels; of two
 * sizes the larger is averaged down to the smaller. Not differentiated.
 * @param options.temperature τ > 0; 1.
 * @returns [batch], nats, ≥ 0, 0 if each channel's maps differ by a constant only.
 * @throws RangeError for channels that differ and for a temperature ≤ 0.
 * Source: Shu et al., "Channel-wise knowledge distillation for dense prediction" (2021), section 3;
 * scaled as in MMRazor.
 * See also `attentionTransfer`, with one map for all channels, and `softTargets`, which has the
 * same divergence.
 */
export function cwdPerExample(
  studentMaps: tf.Tensor4D,
  teacherMaps: tf.Tensor4D,
  { temperature = 1 }: { readonly temperature?: number } = {},
): tf.Tensor1D {
  assertMaps('cwd', studentMaps, teacherMaps);
  assertSameChannels('cwd', studentMaps, teacherMaps, 'choose features of equal width');
  const [batch, , , channels] = studentMaps.shape;
  return tf.tidy(() => {
    const [student, teacher] = poolToSmaller(studentMaps, stopGradient(teacherMaps)).map(
      channelRows,
    ) as [tf.Tensor2D, tf.Tensor2D];
    const divergences = tf.reshape(divergence('cwd', student, teacher, temperature), [
      batch,
      channels,
    ]);
    return tf.mul(tf.mean<tf.Tensor1D>(divergences, 1), temperature ** 2);
  });
}

/**
 * Channel-wise distillation (CWD), mean over the batch, sum over the pairs; the paper uses
 * `weighted(50, cwd(pairs, { temperature: 4 }))` for features; the runs in its repository have 35
 * and 40 for features, 3 for logits, MMRazor 5 and 10 at temperature 1.
 */
export function cwd(
  pairs: FeaturePair | readonly FeaturePair[],
  options: { readonly temperature?: number } = {},
): LossTerm {
  assertTemperature('cwd', options.temperature ?? 1);
  return featureTerm('cwd', pairs, mapsAt, (student, teacher) =>
    tf.mean(cwdPerExample(student, teacher, options)),
  );
}

/** Returns [batch · channels, positions]. */
function channelRows(maps: tf.Tensor4D): tf.Tensor2D {
  const [batch, height, width, channels] = maps.shape;
  return tf.reshape(tf.transpose(flattenSpatial(maps), [0, 2, 1]), [
    batch * channels,
    height * width,
  ]);
}
