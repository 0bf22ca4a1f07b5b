import type { LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { detached } from '../detached.ts';
import { pairTerm } from '../pairTerm.ts';
import { mapsAt, type TapPair } from '../taps.ts';
import { unit } from '../unit.ts';
import { expectSameChannels } from './expectations.ts';
import { expectMaps, places } from './places.ts';

/**
 * Which channels of the student go together, against which of the teacher's do (ICKD).
 *
 * G = Fᵀ·F, [channels, channels], summed over the places, each row of G at length 1; ‖G_S − G_T‖² / channels.
 * @param studentMaps [batch, height, width, channels].
 * @param teacherMaps [batch, height, width, channels]: as many channels, any size. Not differentiated.
 * @returns [batch], ≥ 0.
 * @throws RangeError on channels that differ.
 * Source: Liu et al., "Exploring inter-channel correlation for diversity-preserved knowledge distillation" (2021), section 3; without the embedding that
 * the authors' code has, so that both need as many channels; torchdistill's is this over the batch once more.
 * See also `neuronSelectivity`, which does not know channels by their number, and `similarityPreserving`, which does this for examples.
 */
export function interChannelCorrelationPerExample(studentMaps: tf.Tensor4D, teacherMaps: tf.Tensor4D): tf.Tensor1D {
  expectMaps('interChannelCorrelation', studentMaps, teacherMaps);
  expectSameChannels('interChannelCorrelation', studentMaps, teacherMaps, 'neuronSelectivity compares networks of other widths');
  return tf.tidy(() => {
    const difference = tf.sub(correlations(studentMaps), correlations(detached(teacherMaps)));
    return tf.div(tf.sum<tf.Tensor1D>(tf.square(difference), [1, 2]), studentMaps.shape[3]);
  });
}

/** Inter-channel correlation (ICKD), mean over the batch, summed over the pairs; usually `weighted(2.5, interChannelCorrelation(pairs))`. */
export function interChannelCorrelation(pairs: TapPair | readonly TapPair[]): LossTerm {
  return pairTerm('interChannelCorrelation', pairs, mapsAt, (student, teacher) => tf.mean(interChannelCorrelationPerExample(student, teacher)));
}

function correlations(maps: tf.Tensor4D): tf.Tensor3D {
  const features = places(maps);
  return unit(tf.matMul(features, features, true));
}
