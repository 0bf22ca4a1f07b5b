import { ensure } from '@kd/core';
import { reshape, slice, tidy, transpose } from '@tensorflow/tfjs-core';
import { expectMaps, type LayerFactory } from './layer.ts';

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
    apply: (x) => slice(expectMaps(name, x, of), [0, 0, 0, first], [-1, -1, -1, count]),
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
    apply(x) {
      const maps = expectMaps(name, x, null);
      const [batch, height, width, channels] = maps.shape;
      ensure(channels % groups === 0, name, `channels that ${groups} groups share`, channels);
      return tidy(() => {
        const grouped = reshape(maps, [batch * height * width, groups, channels / groups]);
        return reshape(transpose(grouped, [0, 2, 1]), maps.shape);
      });
    },
  });
}
