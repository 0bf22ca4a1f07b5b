import { ensure, expectedError, foldIn, type LossTerm, randomUniform } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { requireTeacher } from '../shared/checks.ts';
import {
  channelsAt,
  type FeaturePair,
  type FeatureRef,
  mapsAt,
  toPairs,
} from '../shared/features.ts';
import { matchSpatialSize, sumSquaredError } from '../shared/geometry.ts';
import { stopGradient } from '../shared/math.ts';
import { collectWeights, projector } from '../shared/projector.ts';

/**
 * A function that returns a random mask for maps of a shape [batch, height, width, channels]: 1
 * where they are visible and 0 elsewhere, of a shape that broadcasts to theirs. `seed` is int32
 * [2].
 */
export type Mask = (
  shape: readonly [number, number, number, number],
  seed: tf.Tensor1D | undefined,
) => tf.Tensor;

/** Options of masked generative distillation. */
export interface MgdOptions {
  /**
   * `channelMask(0.15)` by default, the paper's for classification; for detection it uses
   * `spatialMask(0.65)`.
   */
  readonly mask?: Mask;
  /** Seed of the initial weights; 0. Masks come from the seed of the step. */
  readonly seed?: number;
}

/**
 * Masks whole channels of each image.
 * @param share Average share of the channels that is hidden, 0 ≤ share < 1.
 */
export function channelMask(share: number): Mask {
  return randomMask('channelMask', share, ([batch, , , channels]) => [batch, 1, 1, channels]);
}

/**
 * Masks positions of each image's maps, in all channels.
 * @param share Average share of the positions that is hidden, 0 ≤ share < 1.
 */
export function spatialMask(share: number): Mask {
  return randomMask('spatialMask', share, ([batch, height, width]) => [batch, height, width, 1]);
}

/**
 * Squared error between generated features and a teacher's.
 *
 * Σ over positions and channels of (generated − teacher)²
 * @param generated [batch, height, width, channels].
 * @param teacher The same; of maps with different sizes the larger is averaged down. Not
 * differentiated.
 * @returns [batch], ≥ 0: large, hence the small weight.
 * Source: Yang et al., "Masked generative distillation" (2022), section 3.
 */
export function mgdPerExample(generated: tf.Tensor4D, teacher: tf.Tensor4D): tf.Tensor1D {
  return tf.tidy(() =>
    sumSquaredError('mgd', ...matchSpatialSize('mgd', generated, stopGradient(teacher))),
  );
}

/**
 * Masked generative distillation (MGD): a part of the student's features is masked, and a small
 * generator reconstructs the teacher's whole features from the rest; mean over the batch, sum over
 * the pairs. `weighted(7e-5, mgd({ student: featureRef(student, 'stage3'), teacher:
 * featureRef(teacher, 'stage3') }))` on ImageNet; cls_KD uses 1.2e-3 for CIFAR-100, whose maps are
 * smaller, and 2e-5 for detection.
 *
 * Weights: `pair0.align`, a 1×1 convolution with bias if the channels differ, and
 * `pair0.generation`, two 3×3 ones with a ReLU between.
 * See also `hints`, which masks nothing.
 * @throws RangeError for features without channels, and in a step without a seed, which the masks
 * need.
 * Source: Yang et al., "Masked generative distillation" (2022), section 3; channels are masked as
 * in its code for classification.
 */
export function mgd(
  pairs: FeaturePair<FeatureRef> | readonly FeaturePair<FeatureRef>[],
  options: MgdOptions = {},
): LossTerm {
  const { mask = channelMask(0.15), seed = 0 } = options;
  const list = toPairs<FeaturePair<FeatureRef>>('mgd', pairs);
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
      weights: collectWeights([...(align === undefined ? [] : [align]), generation]),
    };
  });
  const term: LossTerm = (step) =>
    tf.tidy(() => {
      const losses = parts.map(({ align, generation }, at) => {
        const { student, teacher } = list[at] as FeaturePair<FeatureRef>;
        const target = mapsAt('mgd', requireTeacher('mgd', step), teacher);
        const [small] = matchSpatialSize('mgd', mapsAt('mgd', step.student, student), target);
        const aligned = (align?.apply(small) ?? small) as tf.Tensor4D;
        // The string names the random stream: another one gives other masks.
        const maskSeed = step.seed && foldIn(step.seed, `maskedGeneration ${at}`);
        const visible = mask(aligned.shape, maskSeed);
        return tf.mean(mgdPerExample(generation.apply(tf.mul(aligned, visible)), target));
      });
      return tf.addN(losses) as tf.Scalar;
    });
  return Object.assign(term, { needsTeacher: true, weights: collectWeights(parts) });
}

function randomMask(
  caller: string,
  share: number,
  maskShape: (shape: Parameters<Mask>[0]) => readonly number[],
): Mask {
  ensure(share >= 0 && share < 1, caller, '0 ≤ share < 1', share, '0.15 is usual');
  return (shape, seed) => {
    if (seed === undefined)
      throw expectedError(
        caller,
        'a step with a seed',
        undefined,
        'pass step.seed, as the trainer does',
      );
    return tf.tidy(() =>
      tf.cast(tf.greaterEqual(randomUniform(maskShape(shape), seed), share), 'float32'),
    );
  };
}
