import { ensure } from '@kd/core';
import { type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import { expectMaps, type LayerFactory } from './layer.ts';

export interface SquarePool {
  /** Of the function that is called, for messages: `maxPool`. */
  readonly where: string;
  /** For people: `max pool`. */
  readonly kind: string;
  readonly size: number;
  readonly stride: number;
  readonly padding: number;
  readonly reduce: (maps: Tensor4D) => Tensor4D;
}

/**
 * Something of squares: [batch, height, width, channels] → [batch, ⌊(height + 2 padding − size) /
 * stride⌋ + 1, …, channels].
 */
export function squarePool({
  where: caller,
  kind,
  size,
  stride,
  padding,
  reduce,
}: SquarePool): LayerFactory {
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
    apply(x, { onLayer: observe }) {
      const maps = expectMaps(name, x, null);
      const [, height, width] = maps.shape;
      const least = size - 2 * padding;
      ensure(
        Math.min(height, width) >= least,
        name,
        `maps of at least ${least} × ${least}`,
        `${height} × ${width}`,
        'pool less often or take larger images',
      );
      const y = tidy(() => reduce(maps));
      const title = `${kind} ${size}×${size}${stride === size ? '' : ` /${stride}`}`;
      observe?.({ name, kind: title, outputShape: y.shape.slice(1), parameters: 0, macs: 0 });
      return y;
    },
  });
}
