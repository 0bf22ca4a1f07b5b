import { ensure, hashName, uniform } from '@kd/core';

/**
 * One random change of an image, drawn from (view seed, index of the image) alone. An augmentation
 * of your own is an object of either shape; nothing is registered.
 *
 * ```ts
 * const darken: Augmentation = {
 *   spec: 'darken()',
 *   apply: (pixels, _shape, [word]) =>
 *     pixels.forEach((value, at) => {
 *       pixels[at] = (value * (1 + word / 2 ** 32)) / 2;
 *     }),
 * };
 * ```
 */
export type Augmentation = GeometricTransform | PixelTransform;

/**
 * An augmentation that takes pixels from other positions of the image. Several in a row cost one
 * pass over the pixels.
 */
export interface GeometricTransform {
  /**
   * Name and all options that change the result, without spaces:
   * `randomCrop(padding=4,fill=reflect)`. Cached outputs are found by it.
   */
  readonly spec: string;
  /**
   * Maps positions.
   * @param source [height × width], the pixel of the image that shows at each position so far; −1:
   * none, black.
   * @param target [height × width], to be filled completely: `target[here] = source[there]`, or −1.
   * @param shape [height, width, channels].
   * @param words Random words of this image, this view and this augmentation.
   */
  remap(
    source: Int32Array,
    target: Int32Array,
    shape: readonly [number, number, number],
    words: RandomWords,
  ): void;
}

/** An augmentation that changes pixel values in place. */
export interface PixelTransform {
  /** As `GeometricTransform.spec`. */
  readonly spec: string;
  /** Changes an image. @param pixels uint8 [height × width × channels], this image only. */
  apply(pixels: Uint8Array, shape: readonly [number, number, number], words: RandomWords): void;
}

/**
 * Four uniform unsigned 32-bit integers. The array is reused for the next image. Use the first as a
 * seed for `randomUint32` of @kd/core if you need more.
 */
export type RandomWords = readonly [number, number, number, number];

/** Joins the specs of augmentations to `ViewKey.spec`; `plain` if there are none. */
export function joinSpecs(augmentations: readonly { readonly spec: string }[]): string {
  return augmentations.length === 0 ? 'plain' : augmentations.map(({ spec }) => spec).join('+');
}

/** Returns the next uniform number in [0, 1) of one image, view and augmentation. */
export type Draw = () => number;

/** Draws more numbers than there are words. */
export function drawMore([seed]: RandomWords): Draw {
  let index = 0;
  return () => uniform(seed, moreStream, index++);
}

/** The name of the random stream: another would give other views. */
const moreStream = hashName('more words');

/** A least and a greatest value, both included. */
export type Range = readonly [least: number, greatest: number];

/** Draws between two numbers, uniformly. */
export function drawBetween([least, greatest]: Range, draw: Draw): number {
  return least + (greatest - least) * draw();
}

/** Draws a whole number, 0 ≤ number < count. */
export function drawBelow(count: number, draw: Draw): number {
  return Math.floor(draw() * count);
}

/** @throws RangeError unless least ≤ range[0] ≤ range[1] ≤ greatest. */
export function assertRange(
  caller: string,
  name: string,
  range: Range,
  [least, greatest]: Range,
): void {
  const isRange = range.length === 2 && range.every(Number.isFinite) && range[0] <= range[1];
  ensure(
    isRange && range[0] >= least && range[1] <= greatest,
    caller,
    `${name} [least, greatest] within ${least} and ${greatest}`,
    range,
  );
}

/** @throws RangeError unless 0 ≤ probability ≤ 1. */
export function assertProbability(caller: string, probability: number): void {
  ensure(probability >= 0 && probability <= 1, caller, '0 ≤ probability ≤ 1', probability);
}

/** @throws RangeError unless an image is gray or has three colors. */
export function assertColors(caller: string, channels: number): void {
  ensure(channels === 1 || channels === 3, caller, 'images of 1 or 3 channels', channels);
}
