import { ensure } from '@kd/core';
import { pad, reshape, slice, type Tensor4D, tidy, transpose } from '@tensorflow/tfjs-core';
import { assertMaps, type LayerFactory, type LayerOperation } from './layer.ts';

/** The channels first, first + 1 … first + count − 1 of `of`. */
export function sliceChannels({
  of,
  first,
  count,
}: {
  readonly of: number;
  readonly first: number;
  readonly count: number;
}): LayerFactory {
  ensure(
    first >= 0 && count >= 1 && first + count <= of,
    'sliceChannels',
    `first and count within ${of} channels`,
    [first, count],
  );
  return (name) => ({
    name,
    weights: {},
    channels: count,
    stride: 1,
    computes: () => [{ kind: 'sliceChannels', first, count }],
    apply: (x) => slice(assertMaps(name, x, of), [0, 0, 0, first], [-1, -1, -1, count]),
  });
}

/**
 * Mixes the channels of a grouped convolution: the first of every group, then the second of every
 * group, and so on.
 *
 * Source: Zhang et al., "ShuffleNet", CVPR 2018, section 3.1.
 */
export function channelShuffle({ groups }: { readonly groups: number }): LayerFactory {
  ensure(
    Number.isInteger(groups) && groups >= 1,
    'channelShuffle',
    'groups as a whole number ≥ 1',
    groups,
  );
  return (name) => ({
    name,
    weights: {},
    stride: 1,
    computes: () => [{ kind: 'shuffleChannels', groups }],
    apply(x) {
      const maps = assertMaps(name, x, null);
      const [batch, height, width, channels] = maps.shape;
      ensure(channels % groups === 0, name, `channels that ${groups} groups share`, channels);
      return tidy(() => {
        const grouped = reshape(maps, [batch * height * width, groups, channels / groups]);
        return reshape(transpose(grouped, [0, 2, 1]), maps.shape);
      });
    },
  });
}

/**
 * The residual shortcut without parameters: every second pixel of every second row at stride 2, and
 * zeros in the channels that x lacks, half of them before its own channels and half after.
 *
 * Source: He et al., "Deep residual learning", CVPR 2016, section 4.2, option A; the zeros are
 * placed as in akamaster/pytorch_resnet_cifar10.
 */
export function zeroPadShortcut({
  from,
  to,
  stride,
}: {
  readonly from: number;
  readonly to: number;
  readonly stride: 1 | 2;
}): LayerFactory {
  ensure(to >= from, 'zeroPadShortcut', `to ≥ from = ${from}`, to, 'use a projection');
  const before = Math.floor((to - from) / 2);
  return (name) => ({
    name,
    weights: {},
    channels: to,
    stride,
    computes: () => [
      ...(stride === 2 ? [{ kind: 'subsample', stride } as const] : []),
      ...(to > from ? [zeroChannels(before, to - from - before)] : []),
    ],
    apply(x, { onLayer }) {
      const maps = assertMaps(name, x, from);
      const y = tidy(() =>
        pad(stride === 2 ? everySecondPixel(maps) : maps, [
          [0, 0],
          [0, 0],
          [0, 0],
          [before, to - from - before],
        ]),
      );
      onLayer?.({
        name,
        kind: 'zero-pad shortcut',
        outputShape: y.shape.slice(1),
        parameters: 0,
        macs: 0,
      });
      return y;
    },
  });
}

function zeroChannels(before: number, after: number): LayerOperation {
  const pads = { top: 0, bottom: 0, left: 0, right: 0 };
  return { kind: 'pad', pads, channels: [before, after], value: 0 };
}

/**
 * maps[:, ::2, ::2, :]. TF.js's stridedSlice has no gradient; slices of two dimensions have one,
 * and are fast on every engine.
 */
function everySecondPixel(maps: Tensor4D): Tensor4D {
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
