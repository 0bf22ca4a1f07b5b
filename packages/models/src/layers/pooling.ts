import { ensure } from '@kd/core';
import {
  avgPool,
  max,
  mean,
  type Tensor4D,
  maxPool as tfMaxPool,
  tidy,
} from '@tensorflow/tfjs-core';
import { assertMaps, type LayerFactory } from './layer.ts';
import { padMaps } from './padding.ts';

export interface MaxPoolOptions {
  /** Side of the square window; 2. */
  readonly size?: number;
  /** Pixels between neighbouring windows; `size`. */
  readonly stride?: number;
  /**
   * Border on every side that is never the maximum, as in PyTorch, at most half of `size`; 0.
   */
  readonly padding?: number;
}

/**
 * Maximum over square windows: [batch, height, width, channels] → [batch, ⌊(height + 2 padding −
 * size) / stride⌋ + 1, …, channels].
 */
export function maxPool({
  size = 2,
  stride = size,
  padding = 0,
}: MaxPoolOptions = {}): LayerFactory {
  const reduce = (maps: Tensor4D): Tensor4D =>
    tfMaxPool(maps, size, stride, padding === 0 ? 'valid' : padding);
  return windowPool({ caller: 'maxPool', function: 'max', size, stride, padding, reduce });
}

export interface AveragePoolOptions {
  /** Side of the square window. */
  readonly size: number;
  /** Pixels between neighbouring windows; `size`. */
  readonly stride?: number;
  /** Zeros on every side, which count in the mean, as in PyTorch's AvgPool2d; 0. */
  readonly padding?: number;
}

/**
 * Mean over square windows: [batch, height, width, channels] → [batch, ⌊(height + 2 padding − size)
 * / stride⌋ + 1, …, channels].
 */
export function averagePool({
  size,
  stride = size,
  padding = 0,
}: AveragePoolOptions): LayerFactory {
  const reduce = (maps: Tensor4D): Tensor4D => {
    const [padded, pad] = padMaps(maps, padding === 0 ? 'valid' : padding);
    return avgPool(padded, size, stride, pad);
  };
  return windowPool({ caller: 'averagePool', function: 'average', size, stride, padding, reduce });
}

interface WindowPool {
  readonly function: 'max' | 'average';
  /** Name of the public function, for messages: `maxPool`. */
  readonly caller: string;
  readonly size: number;
  readonly stride: number;
  readonly padding: number;
  readonly reduce: (maps: Tensor4D) => Tensor4D;
}

function windowPool({
  caller,
  function: reduction,
  size,
  stride,
  padding,
  reduce,
}: WindowPool): LayerFactory {
  ensure(Number.isInteger(size) && size >= 1, caller, 'size as a whole number ≥ 1', size);
  ensure(Number.isInteger(stride) && stride >= 1, caller, 'stride as a whole number ≥ 1', stride);
  ensure(
    Number.isInteger(padding) && padding >= 0 && 2 * padding <= size,
    caller,
    'padding as a whole number from 0 to size / 2',
    padding,
  );
  return (name) => ({
    name,
    weights: {},
    stride,
    computes: () => [
      {
        kind: 'pool',
        function: reduction,
        size: [size, size],
        strides: [stride, stride],
        pads: { top: padding, bottom: padding, left: padding, right: padding },
        countsPadding: padding > 0,
      },
    ],
    apply(x, { onLayer }) {
      const maps = assertMaps(name, x, null);
      const [, height, width] = maps.shape;
      const smallest = size - 2 * padding;
      ensure(
        Math.min(height, width) >= smallest,
        name,
        `maps of at least ${smallest} × ${smallest}`,
        `${height} × ${width}`,
        'pool less often or take larger images',
      );
      const y = tidy(() => reduce(maps));
      onLayer?.({
        name,
        kind: `${reduction} pool ${size}×${size}${stride === size ? '' : ` /${stride}`}`,
        outputShape: y.shape.slice(1),
        parameters: 0,
        macs: 0,
      });
      return y;
    },
  });
}

/** Mean over the whole map: [batch, height, width, channels] → [batch, channels]. */
export function globalAveragePool(): LayerFactory {
  return globalPool('average', mean);
}

/** Maximum over the whole map: [batch, height, width, channels] → [batch, channels]. */
export function globalMaxPool(): LayerFactory {
  return globalPool('max', max);
}

function globalPool(reduction: 'max' | 'average', reduce: typeof mean): LayerFactory {
  return (name) => ({
    name,
    weights: {},
    stride: 0,
    computes: () => [{ kind: 'globalPool', function: reduction, keepsMaps: false }],
    apply(x, { onLayer }) {
      const maps = assertMaps(name, x, null);
      onLayer?.({
        name,
        kind: `global ${reduction} pool`,
        outputShape: maps.shape.slice(3),
        parameters: 0,
        macs: 0,
      });
      return reduce(maps, [1, 2]);
    },
  });
}
