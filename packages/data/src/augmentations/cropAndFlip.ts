import { ensure } from '@kd/core';
import type { GeometricTransform } from './augmentation.ts';

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

/** Mirrors top and bottom, with probability ½. */
export function randomVerticalFlip(): GeometricTransform {
  return {
    spec: 'randomVerticalFlip()',
    remap(source, target, [height, width], [word]) {
      if (word < 2 ** 31) {
        target.set(source);
        return;
      }
      for (let row = 0; row < height; row++) {
        const from = (height - 1 - row) * width;
        target.set(source.subarray(from, from + width), row * width);
      }
    },
  };
}
