import { ensure } from '@kd/core';
import { max, mean, maxPool as poolMaxima } from '@tensorflow/tfjs-core';
import { expectMaps, type LayerPlan } from './layer.ts';

export interface MaxPoolOptions {
  /** Side of the squares; 2. */
  readonly size?: number;
  /** From square to square; `size`. */
  readonly stride?: number;
  /** Border on every side that is never the maximum, as PyTorch counts it, at most half of `size`; 0. */
  readonly padding?: number;
}

/** Maximum over squares: [batch, height, width, channels] → [batch, ⌊(height + 2 padding − size) / stride⌋ + 1, …, channels]. */
export function maxPool({ size = 2, stride = size, padding = 0 }: MaxPoolOptions = {}): LayerPlan {
  ensure(Number.isInteger(size) && size >= 1, 'maxPool', 'size as a whole number ≥ 1', size);
  ensure(Number.isInteger(stride) && stride >= 1, 'maxPool', 'stride as a whole number ≥ 1', stride);
  ensure(Number.isInteger(padding) && padding >= 0 && 2 * padding <= size, 'maxPool', 'padding as a whole number from 0 to size / 2', padding);
  return (name) => ({
    name,
    weights: {},
    stride,
    apply(x, { observe }) {
      const maps = expectMaps(name, x, null);
      const [, height, width] = maps.shape;
      ensure(
        Math.min(height, width) + 2 * padding >= size,
        name,
        `maps of at least ${size - 2 * padding} × ${size - 2 * padding}`,
        `${height} × ${width}`,
        'pool less often or take larger images',
      );
      const y = poolMaxima(maps, size, stride, padding === 0 ? 'valid' : padding);
      const kind = `max pool ${size}×${size}${stride === size ? '' : ` /${stride}`}`;
      observe?.({ name, kind, outputShape: y.shape.slice(1), parameters: 0, multiplyAdds: 0 });
      return y;
    },
  });
}

/** Mean over the whole map: [batch, height, width, channels] → [batch, channels]. */
export function globalAveragePool(): LayerPlan {
  return globalPool('global average pool', mean);
}

/** Maximum over the whole map: [batch, height, width, channels] → [batch, channels]. */
export function globalMaxPool(): LayerPlan {
  return globalPool('global max pool', max);
}

function globalPool(kind: string, reduce: typeof mean): LayerPlan {
  return (name) => ({
    name,
    weights: {},
    stride: 0,
    apply(x, { observe }) {
      const maps = expectMaps(name, x, null);
      observe?.({ name, kind, outputShape: maps.shape.slice(3), parameters: 0, multiplyAdds: 0 });
      return reduce(maps, [1, 2]);
    },
  });
}
