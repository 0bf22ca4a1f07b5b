import { avgPool, type Tensor4D } from '@tensorflow/tfjs-core';
import type { LayerFactory } from './layer.ts';
import { paddedByName } from './padding.ts';
import { squarePool } from './squarePool.ts';

export interface AveragePoolOptions {
  /** Side of the squares. */
  readonly size: number;
  /** From square to square; `size`. */
  readonly stride?: number;
  /** Zeros on every side, which count in the mean, as in PyTorch's AvgPool2d; 0. */
  readonly padding?: number;
}

/**
 * Mean over squares: [batch, height, width, channels] → [batch, ⌊(height + 2 padding − size) /
 * stride⌋ + 1, …, channels].
 */
export function averagePool({
  size,
  stride = size,
  padding = 0,
}: AveragePoolOptions): LayerFactory {
  const reduce = (maps: Tensor4D): Tensor4D => {
    const [framed, pad] = paddedByName(maps, padding === 0 ? 'valid' : padding);
    return avgPool(framed, size, stride, pad);
  };
  return squarePool({ where: 'averagePool', kind: 'average pool', size, stride, padding, reduce });
}
