import { ensure } from '@kd/core';
import { max, mean, maxPool as poolMaxima } from '@tensorflow/tfjs-core';
import { expectMaps, type LayerPlan } from './layer.ts';

/** Maximum over squares side by side: [batch, height, width, channels] → [batch, ⌊height / size⌋, ⌊width / size⌋, channels]. */
export function maxPool({ size = 2 }: { readonly size?: number } = {}): LayerPlan {
  ensure(Number.isInteger(size) && size >= 1, 'maxPool', 'size as a whole number ≥ 1', size);
  return (name) => ({
    name,
    weights: {},
    stride: size,
    apply(x, { observe }) {
      const maps = expectMaps(name, x, null);
      const [, height, width] = maps.shape;
      ensure(
        height >= size && width >= size,
        name,
        `maps of at least ${size} × ${size}`,
        `${height} × ${width}`,
        'pool less often or take larger images',
      );
      const y = poolMaxima(maps, size, size, 'valid');
      observe?.({ name, kind: `max pool ${size}×${size}`, outputShape: y.shape.slice(1), parameters: 0, multiplyAdds: 0 });
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
