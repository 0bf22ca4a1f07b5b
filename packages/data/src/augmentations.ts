import { ensure } from '@kd/core';

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
export function joinSpecs(augmentations: readonly Augmentation[]): string {
  return augmentations.length === 0 ? 'plain' : augmentations.map(({ spec }) => spec).join('+');
}

/**
 * Pads each side, then crops a window of the old size at a uniformly drawn position: a shift by
 * −padding … padding pixels in both directions.
 * @param options.padding Pixels, ≥ 0; less than the image's sides if the fill is `reflect`.
 * @param options.fill Content of the padding: the image mirrored without repeating its edge (as
 * PyTorch's `reflect`), or black.
 */
export function randomCrop({
  padding,
  fill = 'reflect',
}: {
  readonly padding: number;
  readonly fill?: 'reflect' | 'zero';
}): GeometricTransform {
  ensure(
    Number.isInteger(padding) && padding >= 0,
    'randomCrop',
    'padding to be a whole number ≥ 0',
    padding,
    '4 is usual for 32×32',
  );
  ensure(fill === 'reflect' || fill === 'zero', 'randomCrop', "fill 'reflect' or 'zero'", fill);
  const positions = 2 * padding + 1;
  return {
    spec: `randomCrop(padding=${padding},fill=${fill})`,
    remap(source, target, [height, width], [wordDown, wordRight]) {
      const fits = fill === 'zero' || padding < Math.min(height, width);
      ensure(
        fits,
        'randomCrop',
        `padding less than the sides of the image, ${height}×${width}`,
        padding,
        "take a smaller padding or fill 'zero'",
      );
      const down = Math.floor((wordDown / 2 ** 32) * positions) - padding;
      const right = Math.floor((wordRight / 2 ** 32) * positions) - padding;
      const columns = new Int32Array(width);
      for (let column = 0; column < width; column++)
        columns[column] = padIndex(column + right, width, fill);
      for (let row = 0; row < height; row++) {
        const first = row * width;
        const fromRow = padIndex(row + down, height, fill) * width;
        if (fromRow < 0) {
          target.fill(-1, first, first + width);
          continue;
        }
        for (let column = 0; column < width; column++) {
          const fromColumn = columns[column] as number;
          target[first + column] = fromColumn < 0 ? -1 : (source[fromRow + fromColumn] as number);
        }
      }
    },
  };
}

/**
 * Returns the pixel of a side that shows at an index which may lie outside; −1: none. Reflected, −1
 * is 1 and `side` is `side − 2`.
 */
function padIndex(at: number, side: number, fill: 'reflect' | 'zero'): number {
  if (at >= 0 && at < side) return at;
  if (fill === 'zero') return -1;
  return at < 0 ? -at : 2 * (side - 1) - at;
}

/** Mirrors left and right, with probability ½. */
export function randomHorizontalFlip(): GeometricTransform {
  return {
    spec: 'randomHorizontalFlip()',
    remap(source, target, [height, width], [word]) {
      if (word < 2 ** 31) {
        target.set(source);
        return;
      }
      for (let row = 0; row < height; row++) {
        const first = row * width;
        const last = first + width - 1;
        for (let column = 0; column < width; column++)
          target[first + column] = source[last - column] as number;
      }
    },
  };
}

/**
 * Blackens a square whose center is drawn uniformly over the image; what lies outside is cut off.
 * DeVries and Taylor, "Improved regularization of convolutional neural networks with cutout", 2017
 * (they fill after normalizing; this is black before it).
 * @param options.size Side of the square in pixels, ≥ 1.
 */
export function cutout({ size }: { readonly size: number }): GeometricTransform {
  ensure(
    Number.isInteger(size) && size >= 1,
    'cutout',
    'size to be a whole number ≥ 1',
    size,
    '8 is usual for 32×32 with flips and crops, 16 without',
  );
  return {
    spec: `cutout(size=${size})`,
    remap(source, target, [height, width], [wordDown, wordRight]) {
      const top = Math.floor((wordDown / 2 ** 32) * height) - (size >> 1);
      const left = Math.floor((wordRight / 2 ** 32) * width) - (size >> 1);
      target.set(source);
      for (let row = Math.max(top, 0); row < Math.min(top + size, height); row++) {
        target.fill(
          -1,
          row * width + Math.max(left, 0),
          row * width + Math.min(left + size, width),
        );
      }
    },
  };
}
