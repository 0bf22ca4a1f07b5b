import { ensure } from '@kd/core';
import { pad, reshape, slice, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import { expectMaps, type LayerFactory } from './layer.ts';

/**
 * The shortcut without parameters: every second pixel of every second row where the stride is 2,
 * and zeros for the channels that x lacks, half of
 * them before its own channels and half after.
 *
 * Source: He et al., "Deep residual learning", CVPR 2016, section 4.2, option A; the zeros lie as
 * in akamaster/pytorch_resnet_cifar10.
 */
export function subsample({
  from,
  to,
  stride,
}: {
  readonly from: number;
  readonly to: number;
  readonly stride: 1 | 2;
}): LayerFactory {
  ensure(to >= from, 'subsample', `to ≥ from = ${from}`, to, 'use a projection');
  const before = Math.floor((to - from) / 2);
  return (name) => ({
    name,
    weights: {},
    channels: to,
    stride,
    apply(x, { onLayer: observe }) {
      const maps = expectMaps(name, x, from);
      const y = tidy(() =>
        pad(stride === 2 ? everySecond(maps) : maps, [
          [0, 0],
          [0, 0],
          [0, 0],
          [before, to - from - before],
        ]),
      );
      observe?.({ name, kind: 'subsample', outputShape: y.shape.slice(1), parameters: 0, macs: 0 });
      return y;
    },
  });
}

/**
 * maps[:, ::2, ::2, :]. TF.js's stridedSlice has no gradient; slices of two dimensions do, and are
 * quick on every engine.
 */
function everySecond(maps: Tensor4D): Tensor4D {
  const [batch, height, width, channels] = maps.shape;
  const even =
    height % 2 === 0 && width % 2 === 0
      ? maps
      : pad(maps, [
          [0, 0],
          [0, height % 2],
          [0, width % 2],
          [0, 0],
        ]);
  const [halfHeight, halfWidth] = [Math.ceil(height / 2), Math.ceil(width / 2)];
  const row = 2 * halfWidth * channels;
  const rows = slice(reshape(even, [batch * halfHeight, 2 * row]), [0, 0], [-1, row]);
  const pixels = slice(
    reshape(rows, [batch * halfHeight * halfWidth, 2 * channels]),
    [0, 0],
    [-1, channels],
  );
  return reshape(pixels, [batch, halfHeight, halfWidth, channels]);
}
