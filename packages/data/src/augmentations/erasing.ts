import { ensure } from '@kd/core';
import type { GeometricTransform } from './augmentation.ts';

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
