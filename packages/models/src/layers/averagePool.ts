import { ensure } from '@kd/core';
import { avgPool, tidy } from '@tensorflow/tfjs-core';
import { expectMaps, type LayerPlan } from './layer.ts';
import { paddedByName } from './padding.ts';

export interface AveragePoolOptions {
  /** Side of the squares. */
  readonly size: number;
  /** From square to square; `size`. */
  readonly stride?: number;
  /** Zeros on every side, which count in the mean, as in PyTorch's AvgPool2d; 0. */
  readonly padding?: number;
}

/** Mean over squares: [batch, height, width, channels] → [batch, ⌊(height + 2 padding − size) / stride⌋ + 1, …, channels]. */
export function averagePool({ size, stride = size, padding = 0 }: AveragePoolOptions): LayerPlan {
  ensure(Number.isInteger(size) && size >= 1, 'averagePool', 'size as a whole number ≥ 1', size);
  ensure(Number.isInteger(stride) && stride >= 1, 'averagePool', 'stride as a whole number ≥ 1', stride);
  ensure(Number.isInteger(padding) && padding >= 0 && 2 * padding <= size, 'averagePool', 'padding as a whole number from 0 to size / 2', padding);
  return (name) => ({
    name,
    weights: {},
    stride,
    apply(x, { observe }) {
      const maps = expectMaps(name, x, null);
      const y = tidy(() => {
        const [framed, pad] = paddedByName(maps, padding === 0 ? 'valid' : padding);
        return avgPool(framed, size, stride, pad);
      });
      const kind = `average pool ${size}×${size}${stride === size ? '' : ` /${stride}`}`;
      observe?.({ name, kind, outputShape: y.shape.slice(1), parameters: 0, multiplyAdds: 0 });
      return y;
    },
  });
}
