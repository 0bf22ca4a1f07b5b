import { assertSameShape, ensure, type LossTerm, type Stateful } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import {
  channelsAt,
  type FeaturePair,
  type FeatureRef,
  featureAt,
  featuresTerm,
  toPairs,
} from '../shared/features.ts';
import {
  adaptiveAveragePool,
  type MapSize,
  meanSquaredError,
  resizeNearest,
} from '../shared/geometry.ts';
import { stopGradient } from '../shared/math.ts';
import { collectWeights, type ProjectorOptions, projector } from '../shared/projector.ts';

/** Options of knowledge review. */
export interface ReviewOptions {
  /**
   * Channels passed from one block to the next; those of the student's deepest feature, at most
   * 512, by default.
   */
  readonly middle?: number;
  /** Side lengths at which maps are compared besides their own, descending; 4, 2, 1. */
  readonly levels?: readonly number[];
  /** Seed of the blocks' initial weights; 0. */
  readonly seed?: number;
}

/**
 * Knowledge review: from the deepest stage up, each of the student's features is fused with the
 * fused deeper ones and compared with the teacher's; mean over the batch, sum over the stages. Its
 * authors' weights on CIFAR-100 are 0.6 (ResNet-56 to 20), 1, 5 (ResNet-32×4 to 8×4) and 8, growing
 * over the first 20 of 240 epochs, over all stages: `review([…stages, { student: pooled, teacher:
 * pooled }])`.
 *
 * Vectors [batch, channels], such as `pooled`, count as maps of one pixel. Blocks are named
 * `stage0` … in the order of the pairs.
 * See also `hints`, which compares each stage with itself alone.
 * @param pairs Features with their channels, shallowest first; the teacher's may have other sizes
 * and channels.
 * @throws RangeError for features without channels.
 * Source: Chen et al., "Distilling knowledge via knowledge review" (2021), section 3; kernels are
 * initialized as PyTorch's are, where the paper's code takes √3 times that.
 */
export function review(
  pairs: FeaturePair<FeatureRef> | readonly FeaturePair<FeatureRef>[],
  { middle, levels = [4, 2, 1], seed = 0 }: ReviewOptions = {},
): LossTerm {
  assertLevels(levels);
  const list = toPairs<FeaturePair<FeatureRef>>('review', pairs);
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
      const [own, target] = [toMaps(student[at] as tf.Tensor), toMaps(teacher[at] as tf.Tensor)];
      const { output, carried } = (blocks[at] as (typeof blocks)[number]).apply(own, deeper, [
        target.shape[1],
        target.shape[2],
      ]);
      losses.push(tf.mean(hierarchicalContextPerExample(output, target, { levels })) as tf.Scalar);
      deeper = carried;
    }
    return tf.addN(losses);
  });
  return Object.assign(term, { weights: collectWeights(blocks) });
}

function toMaps(feature: tf.Tensor): tf.Tensor4D {
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

/**
 * Hierarchical context loss: mean squared error between maps at several scales.
 *
 * (d₀ + d₁/2 + d₂/4 + …) / (1 + 1/2 + 1/4 + …), d₀ the mean square of the difference and dᵢ that of
 * the maps averaged to l × l, l from `levels`
 * @param student [batch, height, width, channels].
 * @param teacher The same. Not differentiated.
 * @param options.levels Descending side lengths; 4, 2, 1. Levels that are not smaller than the
 * height are skipped.
 * @returns [batch], ≥ 0.
 * @throws RangeError for shapes that differ and for levels that are not integers ≥ 1.
 * Source: Chen et al., "Distilling knowledge via knowledge review" (2021), section 3 (HCL).
 */
export function hierarchicalContextPerExample(
  student: tf.Tensor4D,
  teacher: tf.Tensor4D,
  { levels = [4, 2, 1] }: { readonly levels?: readonly number[] } = {},
): tf.Tensor1D {
  assertLevels(levels);
  assertSameShape('review', 'student maps', student, 'teacher maps', teacher);
  return tf.tidy(() => {
    const target = stopGradient(teacher);
    const sides = levels.filter((side) => side < student.shape[1]);
    const whole = meanSquaredError('review', student, target);
    const parts = sides.map((side, at) => {
      const distance = meanSquaredError(
        'review',
        adaptiveAveragePool(student, [side, side]),
        adaptiveAveragePool(target, [side, side]),
      );
      return tf.mul<tf.Tensor1D>(distance, 2 ** -(at + 1));
    });
    return tf.div<tf.Tensor1D>(tf.addN([whole, ...parts]), 2 - 2 ** -sides.length);
  });
}

export function assertLevels(levels: readonly number[]): void {
  ensure(
    levels.every((side) => Number.isInteger(side) && side >= 1),
    'review',
    'levels as whole numbers ≥ 1',
    levels,
    '[4, 2, 1] is usual',
  );
}

/** Sizes of an attention fusion block. */
export interface AttentionFusionOptions extends ProjectorOptions {
  /** Channels of the student's maps. */
  readonly from: number;
  /** Channels passed from one block to the next. */
  readonly middle: number;
  /** Channels of the teacher's maps. */
  readonly to: number;
  /** Whether there is a deeper stage to fuse with: false for the deepest block only. */
  readonly fuses: boolean;
}

/** A block that fuses a stage of the student with the output of the next deeper block. */
export interface AttentionFusion extends Stateful {
  /**
   * @param maps [batch, height, width, from].
   * @param deeper `carried` of the deeper block, of any size; undefined in the deepest.
   * @param size Height and width of the teacher's maps.
   * @returns The output to compare with the teacher, [batch, …size, to], and the maps for the next
   * block, [batch, …size, middle].
   */
  apply(
    maps: tf.Tensor4D,
    deeper: tf.Tensor4D | undefined,
    size: MapSize,
  ): { readonly output: tf.Tensor4D; readonly carried: tf.Tensor4D };
}

/**
 * Creates an attention-based fusion block: x · a₁ + y · a₂, where x are the maps on the middle
 * channels, y those carried from the deeper block and a = σ(1×1 convolution of both), one pair of
 * weights for each position.
 *
 * Weights: `name.in`, `name.out` (convolutions with batch norm, 1×1 and 3×3), and `name.attention`
 * (1×1 with bias).
 * Source: Chen et al., "Distilling knowledge via knowledge review" (2021), section 3 (ABF).
 */
export function attentionFusion({
  from,
  middle,
  to,
  fuses,
  name = 'fusion',
  seed = 0,
}: AttentionFusionOptions): AttentionFusion {
  const inside = projector([{ from, to: middle, batchNorm: true }], { name: `${name}.in`, seed });
  const outside = projector([{ from: middle, to, size: 3, batchNorm: true }], {
    name: `${name}.out`,
    seed,
  });
  const attention = fuses
    ? projector([{ from: 2 * middle, to: 2, bias: true }], { name: `${name}.attention`, seed })
    : undefined;

  function fused(maps: tf.Tensor4D, deeper: tf.Tensor4D | undefined): tf.Tensor4D {
    const own = inside.apply(maps);
    if (attention === undefined || deeper === undefined) return own;
    const [, height, width] = own.shape;
    const other = resizeNearest(deeper, [height, width]);
    const [ownAttention, otherAttention] = tf.split(
      tf.sigmoid(attention.apply(tf.concat([own, other], 3))),
      2,
      3,
    ) as [tf.Tensor, tf.Tensor];
    return tf.add(tf.mul(own, ownAttention), tf.mul(other, otherAttention));
  }

  return {
    weights: collectWeights([inside, outside, ...(attention === undefined ? [] : [attention])]),
    apply(maps, deeper, size) {
      return tf.tidy(() => {
        const carried = resizeNearest(fused(maps, deeper), size);
        return { output: outside.apply(carried), carried };
      });
    },
  };
}
