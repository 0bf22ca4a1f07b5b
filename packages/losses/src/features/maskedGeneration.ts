import { ensure, foldIn, type LossTerm, randomUniform, unexpected } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { teacherOf } from '../checks.ts';
import { detached } from '../detached.ts';
import { mapsAt, pairsOf, type TapPair, type TapPoint } from '../taps.ts';
import { alike, sumOfSquares } from './alike.ts';
import { connector, weightsOf } from './connector.ts';
import { channelsAt } from './regressors.ts';

/** What of maps of a shape [batch, height, width, channels] is kept in one step: 1 or 0, of a shape that broadcasts to it. @param seed int32 [2]. */
export type Mask = (shape: readonly [number, number, number, number], seed: tf.Tensor1D | undefined) => tf.Tensor;

/** How features are hidden and generated again. */
export interface MaskedGenerationOptions {
  /** `maskedChannels(0.15)`, the paper's for classification; `maskedPlaces(0.65)` is its for detection. */
  readonly mask?: Mask;
  /** The first weights are drawn from it; 0. The masks come from the step's own seed. */
  readonly seed?: number;
}

/** Hides whole channels of each picture. @param share Of the channels, on average, 0 ≤ share < 1. */
export function maskedChannels(share: number): Mask {
  return masked('maskedChannels', share, ([batch, , , channels]) => [batch, 1, 1, channels]);
}

/** Hides places of each picture's maps, in all channels. @param share Of the places, on average, 0 ≤ share < 1. */
export function maskedPlaces(share: number): Mask {
  return masked('maskedPlaces', share, ([batch, height, width]) => [batch, height, width, 1]);
}

/**
 * How far generated features are from a teacher's.
 *
 * Σ over places and channels of (generated − teacher)²
 * @param generated [batch, height, width, channels]. @param teacher The same; not differentiated. Of other sizes the larger is averaged down.
 * @returns [batch], ≥ 0: large, hence the small weight.
 * Source: Yang et al., "Masked generative distillation" (2022), section 3.
 */
export function maskedGenerationPerExample(generated: tf.Tensor4D, teacher: tf.Tensor4D): tf.Tensor1D {
  return tf.tidy(() => sumOfSquares('maskedGeneration', ...alike('maskedGeneration', generated, detached(teacher))));
}

/**
 * Masked generative distillation: a part of the student's features is hidden, and a small generator makes the teacher's whole features of the rest; mean over
 * the batch, sum over the pairs. `weighted(7e-5, maskedGeneration({ student: tapOf(student, 'stage3'), teacher: tapOf(teacher, 'stage3') }))` on ImageNet;
 * cls_KD has 1.2e-3 for CIFAR-100, whose maps are smaller, and 2e-5 is for detection.
 *
 * Weights: `pair0.align`, a 1×1 convolution with bias where the channels differ, and `pair0.generation`, two 3×3 ones with a ReLU between.
 * See also `hints`, which hides nothing.
 * @throws RangeError on taps without channels, and in a step without a seed, from which the masks are drawn.
 * Source: Yang et al., "Masked generative distillation" (2022), section 3; channels are hidden as in its code for classification.
 */
export function maskedGeneration(pairs: TapPair<TapPoint> | readonly TapPair<TapPoint>[], options: MaskedGenerationOptions = {}): LossTerm {
  const { mask = maskedChannels(0.15), seed = 0 } = options;
  const list = pairsOf<TapPair<TapPoint>>('maskedGeneration', pairs);
  const parts = list.map(({ student, teacher }, at) => {
    const [from, to] = [channelsAt('maskedGeneration', student), channelsAt('maskedGeneration', teacher)];
    const align = from === to ? undefined : connector([{ from, to, bias: true }], { name: `pair${at}.align`, seed });
    const convolution = { from: to, to, size: 3, bias: true };
    const generation = connector([{ ...convolution, relu: true }, convolution], { name: `pair${at}.generation`, seed });
    return { align, generation, weights: weightsOf([...(align === undefined ? [] : [align]), generation]) };
  });
  const term: LossTerm = (step) =>
    tf.tidy(() => {
      const losses = parts.map(({ align, generation }, at) => {
        const { student, teacher } = list[at] as TapPair<TapPoint>;
        const target = mapsAt('maskedGeneration', teacherOf('maskedGeneration', step), teacher);
        const [small] = alike('maskedGeneration', mapsAt('maskedGeneration', step.student, student), target);
        const aligned = (align?.apply(small) ?? small) as tf.Tensor4D;
        const kept = mask(aligned.shape, step.seed && foldIn(step.seed, `maskedGeneration ${at}`));
        return tf.mean(maskedGenerationPerExample(generation.apply(tf.mul(aligned, kept)), target));
      });
      return tf.addN(losses) as tf.Scalar;
    });
  return Object.assign(term, { needsTeacher: true, weights: weightsOf(parts) });
}

function masked(where: string, share: number, drawnShape: (shape: Parameters<Mask>[0]) => readonly number[]): Mask {
  ensure(share >= 0 && share < 1, where, '0 ≤ share < 1', share, '0.15 is usual');
  return (shape, seed) => {
    if (seed === undefined) throw unexpected(where, 'a step with a seed', undefined, 'hand in step.seed, as the trainer does');
    return tf.tidy(() => tf.cast(tf.greaterEqual(randomUniform(drawnShape(shape), seed), share), 'float32'));
  };
}
