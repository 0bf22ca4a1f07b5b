import { ensure } from '@kd/core';
import type { RandomWords } from './augmentation.ts';
import { drawBeta } from './beta.ts';

/**
 * Mixes each image with another one of the dataset, its partner, and its label with the partner's.
 * Like an augmentation, it depends on (view seed, index of the image) alone, so that a teacher's
 * cached outputs for mixed images stay exact. `mixing` of a data loader takes one.
 */
export interface Mixing {
  /** Name and all options that change the result, as `Augmentation.spec`. */
  readonly spec: string;
  /**
   * Mixes the partner into an image, in place.
   * @param image float32 [height × width × channels], 0–1, this image only, augmented.
   * @param partner The partner likewise, under the same view.
   * @param shape [height, width, channels].
   * @param words Random words of this image and this view.
   * @returns The share of the image itself, 0–1: the weight of its label.
   */
  mix(
    image: Float32Array,
    partner: Float32Array,
    shape: readonly [number, number, number],
    words: RandomWords,
  ): number;
}

/**
 * λ · image + (1 − λ) · partner, with λ from Beta(alpha, alpha) for each image.
 * Zhang et al., "mixup: beyond empirical risk minimization", ICLR 2018; for distillation Beyer et
 * al., "Knowledge distillation: a good teacher is patient and consistent", CVPR 2022.
 * @param options.alpha > 0; 0.2 is usual, 1 mixes most.
 */
export function mixup({ alpha }: { readonly alpha: number }): Mixing {
  assertAlpha('mixup', alpha, '0.2 is usual');
  return {
    spec: `mixup(alpha=${alpha})`,
    mix(image, partner, _shape, [word]) {
      const share = drawBeta(alpha, word);
      mixPixels(image, partner, share);
      return share;
    },
  };
}

/** image = share · image + (1 − share) · partner. */
export function mixPixels(image: Float32Array, partner: Float32Array, share: number): void {
  const rest = 1 - share;
  const { length } = image;
  for (let at = 0; at < length; at++)
    image[at] = (image[at] as number) * share + (partner[at] as number) * rest;
}

/**
 * Replaces a box of the image by the same box of the partner: of the area 1 − λ, with λ from
 * Beta(alpha, alpha), centered anywhere, cut off at the edge. The label's weight is the area that
 * is left.
 * Yun et al., "CutMix: regularization strategy to train strong classifiers with localizable
 * features", ICCV 2019; the box is torchvision's.
 * @param options.alpha > 0; 1 is usual.
 */
export function cutmix({ alpha }: { readonly alpha: number }): Mixing {
  assertAlpha('cutmix', alpha, '1 is usual');
  return {
    spec: `cutmix(alpha=${alpha})`,
    mix(image, partner, shape, [word, wordDown, wordRight]) {
      const [height, width, channels] = shape;
      const box = cutmixBox(height, width, drawBeta(alpha, word), {
        row: Math.floor((wordDown / 2 ** 32) * height),
        column: Math.floor((wordRight / 2 ** 32) * width),
      });
      for (let row = box.top; row < box.bottom; row++) {
        const from = (row * width + box.left) * channels;
        image.set(partner.subarray(from, (row * width + box.right) * channels), from);
      }
      return 1 - ((box.bottom - box.top) * (box.right - box.left)) / (height * width);
    },
  };
}

/** Returns the box of cutmix; right and bottom are not part of it. */
export function cutmixBox(
  height: number,
  width: number,
  share: number,
  { row, column }: { readonly row: number; readonly column: number },
): { top: number; left: number; bottom: number; right: number } {
  const half = 0.5 * Math.sqrt(1 - share);
  const halfHeight = Math.floor(half * height);
  const halfWidth = Math.floor(half * width);
  return {
    top: Math.max(row - halfHeight, 0),
    left: Math.max(column - halfWidth, 0),
    bottom: Math.min(row + halfHeight, height),
    right: Math.min(column + halfWidth, width),
  };
}

/**
 * Mixes each image in one of several ways, drawn uniformly:
 * `randomChoice([mixup({ alpha: 0.2 }), cutmix({ alpha: 1 })])`.
 */
export function randomChoice(choices: readonly Mixing[]): Mixing {
  ensure(choices.length > 0, 'randomChoice', 'at least one way to mix', 'none');
  return {
    spec: `randomChoice(${choices.map(({ spec }) => spec).join(',')})`,
    mix(image, partner, shape, [first, second, third, word]) {
      const at = (word / 2 ** 32) * choices.length;
      const chosen = choices[Math.floor(at)] as Mixing;
      // What is left of the word chooses within a choice of choices.
      const left = Math.floor((at % 1) * 2 ** 32);
      return chosen.mix(image, partner, shape, [first, second, third, left]);
    },
  };
}

function assertAlpha(caller: string, alpha: number, remedy: string): void {
  ensure(Number.isFinite(alpha) && alpha > 0, caller, 'alpha > 0', alpha, remedy);
}
