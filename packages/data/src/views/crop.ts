import { ensure } from '@kd/core';
import type { GeometricTransform } from './viewTransform.ts';

/**
 * Pads each side, then cuts a window of the old size at a uniformly drawn place: a shift by −pad …
 * pad pixels both ways.
 * @param options.pad Pixels, 0 ≤ pad; less than the picture's sides where the fill is `reflect`.
 * @param options.fill What the padding shows: the picture mirrored without repeating its edge (as
 * PyTorch's `reflect`), or black.
 */
export function randomCrop({
  padding: pad,
  fill = 'reflect',
}: {
  readonly padding: number;
  readonly fill?: 'reflect' | 'zero';
}): GeometricTransform {
  ensure(
    Number.isInteger(pad) && pad >= 0,
    'randomCrop',
    'pad to be a whole number ≥ 0',
    pad,
    '4 is usual for 32×32',
  );
  ensure(fill === 'reflect' || fill === 'zero', 'randomCrop', "fill 'reflect' or 'zero'", fill);
  const positions = 2 * pad + 1;
  return {
    spec: `randomCrop(pad=${pad},fill=${fill})`,
    move(source, target, [height, width], [drawDown, drawRight]) {
      const fits = fill === 'zero' || pad < Math.min(height, width);
      ensure(
        fits,
        'randomCrop',
        `pad less than the sides of the picture, ${height}×${width}`,
        pad,
        "take a smaller pad or fill 'zero'",
      );
      const down = Math.floor((drawDown / 2 ** 32) * positions) - pad;
      const right = Math.floor((drawRight / 2 ** 32) * positions) - pad;
      const columns = new Int32Array(width);
      for (let column = 0; column < width; column++)
        columns[column] = fromPlace(column + right, width, fill);
      for (let row = 0; row < height; row++) {
        const first = row * width;
        const fromRow = fromPlace(row + down, height, fill) * width;
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
 * Which pixel of a side shows at a place that may lie outside; −1: none. Reflected, −1 is 1 and
 * `side` is `side − 2`.
 */
function fromPlace(at: number, side: number, fill: 'reflect' | 'zero'): number {
  if (at >= 0 && at < side) return at;
  if (fill === 'zero') return -1;
  return at < 0 ? -at : 2 * (side - 1) - at;
}
