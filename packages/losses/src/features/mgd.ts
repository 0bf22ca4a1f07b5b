import { ensure, expectedError, foldIn, type LossTerm, randomUniform } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { teacherOf } from '../checks.ts';
import { stopGradient } from '../detached.ts';
import { type FeaturePair, type FeatureRef, mapsAt, pairsOf } from '../taps.ts';
import { alike, sumOfSquares } from './alike.ts';
import { projector, weightsOf } from './projector.ts';
import { channelsAt } from './regressors.ts';

/**
 * What of maps of a shape [batch, height, width, channels] is kept in one step: 1 or 0, of a shape
 * that broadcasts to it. @param seed int32 [2].
 */
export type Mask = (
  shape: readonly [number, number, number, number],
  seed: tf.Tensor1D | undefined,
) => tf.Tensor;

/** How features are hidden and generated again. */
export interface MgdOptions {
  /**
   * `channelMask(0.15)`, the paper's for classification; `spatialMask(0.65)` is its for detection.
   */
  readonly mask?: Mask;
  /** The first weights are drawn from it; 0. The masks come from the step's own seed. */
  readonly seed?: number;
}

/**
 * Hides whole channels of each picture. @param share Of the channels, on average, 0 ≤ share < 1.
 */
export function channelMask(share: number): Mask {
  return masked('channelMask', share, ([batch, , , channels]) => [batch, 1, 1, channels]);
}

/**
 * Hides places of each picture's maps, in all channels. @param share Of the places, on average, 0 ≤
 * share < 1.
 */
export function spatialMask(share: number): Mask {
  return masked('maskedPlaces', share, ([batch, height, width]) => [batch, height, width, 1]);
}

/**
 * How far generated features are from a teacher's.
 *
 * Σ over places and channels of (generated − teacher)²
 * @param generated [batch, height, width, channels]. @param teacher The same; not differentiated.
 * Of other sizes the larger is averaged down.
 * @returns [batch], ≥ 0: large, hence the small weight.
 * Source: Yang et al., "Masked generative distillation" (2022), section 3.
 */
export function mgdPerExample(generated: tf.Tensor4D, teacher: tf.Tensor4D): tf.Tensor1D {
  return tf.tidy(() => sumOfSquares('mgd', ...alike('mgd', generated, stopGradient(teacher))));
}

/**
 * Masked generative distillation: a part of the student's features is hidden, and a small generator
 * makes the teacher's whole features of the rest; mean over
 * the batch, sum over the pairs. `weighted(7e-5, mgd({ student: featureRef(student, 'stage3'),
 * teacher: featureRef(teacher, 'stage3') }))` on ImageNet;
 * cls_KD has 1.2e-3 for CIFAR-100, whose maps are smaller, and 2e-5 is for detection.
 *
 * Weights: `pair0.align`, a 1×1 convolution with bias where the channels differ, and
 * `pair0.generation`, two 3×3 ones with a ReLU between.
 * See also `hints`, which hides nothing.
 * @throws RangeError on taps without channels, and in a step without a seed, from which the masks
 * are drawn.
 * Source: Yang et al., "Masked generative distillation" (2022), section 3; channels are hidden as
 * in its code for classification.
 */
export function mgd(
  pairs: FeaturePair<FeatureRef> | readonly FeaturePair<FeatureRef>[],
  options: MgdOptions = {},
): LossTerm {
  const { mask = channelMask(0.15), seed = 0 } = options;
  const list = pairsOf<FeaturePair<FeatureRef>>('mgd', pairs);
  const parts = list.map(({ student, teacher }, at) => {
    const [from, to] = [channelsAt('mgd', student), channelsAt('mgd', teacher)];
    const align =
      from === to
        ? undefined
        : projector([{ from, to, bias: true }], { name: `pair${at}.align`, seed });
    const convolution = { from: to, to, size: 3, bias: true };
    const generation = projector([{ ...convolution, relu: true }, convolution], {
      name: `pair${at}.generation`,
      seed,
    });
    return {
      align,
      generation,
      weights: weightsOf([...(align === undefined ? [] : [align]), generation]),
    };
  });
  const term: LossTerm = (step) =>
    tf.tidy(() => {
      const losses = parts.map(({ align, generation }, at) => {
        const { student, teacher } = list[at] as FeaturePair<FeatureRef>;
        const target = mapsAt('mgd', teacherOf('mgd', step), teacher);
        const [small] = alike('mgd', mapsAt('mgd', step.student, student), target);
        const aligned = (align?.apply(small) ?? small) as tf.Tensor4D;
        const kept = mask(aligned.shape, step.seed && foldIn(step.seed, `mgd ${at}`));
        return tf.mean(mgdPerExample(generation.apply(tf.mul(aligned, kept)), target));
      });
      return tf.addN(losses) as tf.Scalar;
    });
  return Object.assign(term, { needsTeacher: true, weights: weightsOf(parts) });
}

function masked(
  caller: string,
  share: number,
  drawnShape: (shape: Parameters<Mask>[0]) => readonly number[],
): Mask {
  ensure(share >= 0 && share < 1, caller, '0 ≤ share < 1', share, '0.15 is usual');
  return (shape, seed) => {
    if (seed === undefined)
      throw expectedError(
        caller,
        'a step with a seed',
        undefined,
        'hand in step.seed, as the trainer does',
      );
    return tf.tidy(() =>
      tf.cast(tf.greaterEqual(randomUniform(drawnShape(shape), seed), share), 'float32'),
    );
  };
}
