import type { Stateful } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { type MapSize, nearestTo } from '../resize.ts';
import { type ProjectorOptions, projector, weightsOf } from './projector.ts';

/** The sizes of a fusion block. */
export interface AttentionFusionOptions extends ProjectorOptions {
  /** Channels of the student's maps. */
  readonly from: number;
  /** Channels of what one block hands to the next. */
  readonly middle: number;
  /** Channels of the teacher's maps. */
  readonly to: number;
  /**
   * Whether there is something of a deeper stage to fuse with: false in the deepest block alone.
   */
  readonly fuses: boolean;
}

/** Merges a stage of the student with what the block of the next deeper stage handed on. */
export interface AttentionFusion extends Stateful {
  /**
   * @param maps [batch, height, width, from]. @param deeper What the deeper block handed on, of any
   * size; undefined in the deepest.
   * @param size Height and width of the teacher's maps.
   * @returns What to compare with the teacher, [batch, …size, to], and what to hand on, [batch,
   * …size, middle].
   */
  apply(
    maps: tf.Tensor4D,
    deeper: tf.Tensor4D | undefined,
    size: MapSize,
  ): { readonly output: tf.Tensor4D; readonly handedOn: tf.Tensor4D };
}

/**
 * Attention-based fusion: x · a₁ + y · a₂, x the maps on the middle channels, y what comes from
 * deeper, a = σ(1×1 convolution of both), one for each place.
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
    const other = nearestTo(deeper, [height, width]);
    const [forOwn, forOther] = tf.split(
      tf.sigmoid(attention.apply(tf.concat([own, other], 3))),
      2,
      3,
    ) as [tf.Tensor, tf.Tensor];
    return tf.add(tf.mul(own, forOwn), tf.mul(other, forOther));
  }

  return {
    weights: weightsOf([inside, outside, ...(attention === undefined ? [] : [attention])]),
    apply(maps, deeper, size) {
      return tf.tidy(() => {
        const handedOn = nearestTo(fused(maps, deeper), size);
        return { output: outside.apply(handedOn), handedOn };
      });
    },
  };
}
