import { max, mean, maxPool as poolMaxima, type Tensor4D } from '@tensorflow/tfjs-core';
import { expectMaps, type LayerFactory } from './layer.ts';
import { squarePool } from './squarePool.ts';

export interface MaxPoolOptions {
  /** Side of the squares; 2. */
  readonly size?: number;
  /** From square to square; `size`. */
  readonly stride?: number;
  /**
   * Border on every side that is never the maximum, as PyTorch counts it, at most half of `size`;
   * 0.
   */
  readonly padding?: number;
}

/**
 * Maximum over squares: [batch, height, width, channels] → [batch, ⌊(height + 2 padding − size) /
 * stride⌋ + 1, …, channels].
 */
export function maxPool({
  size = 2,
  stride = size,
  padding = 0,
}: MaxPoolOptions = {}): LayerFactory {
  const reduce = (maps: Tensor4D): Tensor4D =>
    poolMaxima(maps, size, stride, padding === 0 ? 'valid' : padding);
  return squarePool({ where: 'maxPool', kind: 'max pool', size, stride, padding, reduce });
}

/** Mean over the whole map: [batch, height, width, channels] → [batch, channels]. */
export function globalAveragePool(): LayerFactory {
  return globalPool('global average pool', mean);
}

/** Maximum over the whole map: [batch, height, width, channels] → [batch, channels]. */
export function globalMaxPool(): LayerFactory {
  return globalPool('global max pool', max);
}

function globalPool(kind: string, reduce: typeof mean): LayerFactory {
  return (name) => ({
    name,
    weights: {},
    stride: 0,
    apply(x, { onLayer: observe }) {
      const maps = expectMaps(name, x, null);
      observe?.({ name, kind, outputShape: maps.shape.slice(3), parameters: 0, macs: 0 });
      return reduce(maps, [1, 2]);
    },
  });
}
