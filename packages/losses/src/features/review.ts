import { ensure, type LossTerm } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { featuresTerm } from '../pairTerm.ts';
import { type FeaturePair, type FeatureRef, featureAt, pairsOf } from '../taps.ts';
import { attentionFusion } from './attentionFusion.ts';
import { expectLevels, hierarchicalContextPerExample } from './hierarchicalContext.ts';
import { weightsOf } from './projector.ts';
import { channelsAt } from './regressors.ts';

/** How stages are reviewed. */
export interface ReviewOptions {
  /**
   * Channels of what one block hands to the next; those of the student's deepest tap, at most 512.
   */
  readonly middle?: number;
  /** Sides at which maps are compared besides their own, descending; 4, 2, 1. */
  readonly levels?: readonly number[];
  /** The blocks' first weights are drawn from it; 0. */
  readonly seed?: number;
}

/**
 * Knowledge review: from the deepest stage up, each of the student's features is fused with what
 * was made of the deeper ones and compared with the
 * teacher's; mean over the batch, sum over the stages.
 * Its authors' weights on CIFAR-100 are 0.6 (ResNet-56 to 20), 1, 5 (ResNet-32×4 to 8×4) and 8,
 * growing over the first 20 of 240 epochs, over all stages: `review([…stages, { student: pooled,
 * teacher: pooled }])`.
 *
 * Rows [batch, channels], such as `pooled`, count as maps of one pixel. Blocks are named `stage0` …
 * after the places of the pairs.
 * See also `hints`, which compares each stage with itself alone.
 * @param pairs Taps that know their channels, shallowest first; the teacher's may have other sizes
 * and channels.
 * @throws RangeError on taps without channels.
 * Source: Chen et al., "Distilling knowledge via knowledge review" (2021), section 3; kernels begin
 * as PyTorch's do, where the paper's code has √3 times that.
 */
export function review(
  pairs: FeaturePair<FeatureRef> | readonly FeaturePair<FeatureRef>[],
  { middle, levels = [4, 2, 1], seed = 0 }: ReviewOptions = {},
): LossTerm {
  expectLevels(levels);
  const list = pairsOf<FeaturePair<FeatureRef>>('review', pairs);
  const channels = list.map(({ student, teacher }) => ({
    from: channelsAt('review', student),
    to: channelsAt('review', teacher),
  }));
  const deepest = channels.at(-1)?.from ?? 0;
  const blocks = channels.map(({ from, to }, at) => {
    return attentionFusion({
      from,
      middle: middle ?? Math.min(512, deepest),
      to,
      fuses: at < channels.length - 1,
      name: `stage${at}`,
      seed,
    });
  });
  const term = featuresTerm('review', list, featureAt, (student, teacher) => {
    const losses: tf.Scalar[] = [];
    let deeper: tf.Tensor4D | undefined;
    for (let at = blocks.length - 1; at >= 0; at--) {
      const [own, target] = [asMaps(student[at] as tf.Tensor), asMaps(teacher[at] as tf.Tensor)];
      const { output, handedOn } = (blocks[at] as (typeof blocks)[number]).apply(own, deeper, [
        target.shape[1],
        target.shape[2],
      ]);
      losses.push(tf.mean(hierarchicalContextPerExample(output, target, { levels })) as tf.Scalar);
      deeper = handedOn;
    }
    return tf.addN(losses);
  });
  return Object.assign(term, { weights: weightsOf(blocks) });
}

function asMaps(feature: tf.Tensor): tf.Tensor4D {
  const [batch = 0, channels = 0] = feature.shape;
  if (feature.rank === 2) return tf.reshape(feature, [batch, 1, 1, channels]);
  ensure(
    feature.rank === 4,
    'review',
    'maps or rows',
    `a feature of shape [${feature.shape.join(', ')}]`,
  );
  return feature as tf.Tensor4D;
}
