import { ensure } from '@kd/core';
import {
  add,
  concat,
  conv2d,
  fused,
  type Rank,
  split,
  type Tensor1D,
  type Tensor4D,
  tidy,
} from '@tensorflow/tfjs-core';
import { drawnVariable, type Initializer, kaimingNormalFanOut } from './initial.ts';
import { expectMaps, type LayerFactory } from './layer.ts';
import { checkPadding, type Padding, paddingOf, usualPadding } from './padding.ts';
import type { ConvolutionWeights, Convolve } from './parts.ts';

export interface ConvolutionOptions {
  /** Channels in. */
  readonly from: number;
  /** Channels out. */
  readonly to: number;
  /** Side of the square kernel; 3. */
  readonly size?: number;
  /** 1. */
  readonly stride?: number;
  /** (size − 1) / 2 zeros on every side, which keeps the size at stride 1. */
  readonly padding?: Padding;
  /** Channels in and out in so many equal parts, each of which sees its own alone; 1. */
  readonly groups?: number;
  /** false, since a batch norm usually follows. */
  readonly bias?: boolean;
  /** `kaimingNormalFanOut`. */
  readonly initial?: Initializer;
}

/**
 * Square 2-D convolution: maps [batch, height, width, from] → [batch, ⌊(height + 2 padding − size)
 * / stride⌋ + 1, …, to].
 *
 * Weights: `kernel` [size, size, from / groups, to] and, where asked for, `bias` [to].
 */
export function convolution(options: ConvolutionOptions): LayerFactory {
  const {
    from,
    to,
    size = 3,
    stride = 1,
    padding = usualPadding(size),
    groups = 1,
    bias: withBias = false,
    initial = kaimingNormalFanOut,
  } = options;
  const sizes = [from, to, size, stride];
  ensure(
    sizes.every(isPositiveInteger),
    'convolution',
    'from, to, size and stride as whole numbers ≥ 1',
    sizes,
  );
  checkPadding('convolution', padding);
  const isWhole = isPositiveInteger(groups) && from % groups === 0 && to % groups === 0;
  ensure(isWhole, 'convolution', `groups that divide from = ${from} and to = ${to}`, groups);
  const pad = paddingOf(size, stride, padding);
  const convolve: Convolve = (maps, weights, activation) =>
    inGroups(groups, maps, weights, (x, { kernel: filter, bias }) =>
      fused.conv2d({
        x,
        filter,
        strides: stride,
        pad,
        activation,
        ...(bias !== undefined && { bias }),
      }),
    );
  return (name, seed) => {
    const fans = { fanIn: (size * size * from) / groups, fanOut: (size * size * to) / groups };
    const kernel = drawnVariable<Rank.R4>(
      `${name}.kernel`,
      [size, size, from / groups, to],
      fans,
      initial,
      seed,
    );
    const bias = withBias
      ? drawnVariable<Rank.R1>(`${name}.bias`, [to], fans, initial, seed)
      : undefined;
    return {
      name,
      channels: to,
      stride,
      weights: { [`${name}.kernel`]: kernel, ...(bias && { [`${name}.bias`]: bias }) },
      parts: [{ does: 'convolve', kernel, ...(bias && { bias }), convolve }],
      apply(x, { onLayer: observe }) {
        const maps = expectMaps(name, x, from);
        const y = tidy(() => {
          const convolved = inGroups(groups, maps, { kernel }, (part, own) =>
            conv2d(part, own.kernel, stride, pad),
          );
          return bias === undefined ? convolved : add<Tensor4D>(convolved, bias);
        });
        const outputShape = y.shape.slice(1);
        const multiplyAdds = outputShape.reduce((product, side) => product * side, fans.fanIn);
        observe?.({
          name,
          kind: `convolution ${size}×${size}${stride > 1 ? ` /${stride}` : ''}${groups > 1 ? ` in ${groups} groups` : ''}`,
          outputShape,
          parameters: kernel.size + (bias?.size ?? 0),
          macs: multiplyAdds,
        });
        return y;
      },
    };
  };
}

/** Every part of the channels by its own part of the weights, side by side. */
function inGroups(
  groups: number,
  maps: Tensor4D,
  { kernel, bias }: ConvolutionWeights,
  convolve: (own: Tensor4D, weights: ConvolutionWeights) => Tensor4D,
) {
  if (groups === 1) return convolve(maps, { kernel, ...(bias && { bias }) });
  const kernels = split<Tensor4D>(kernel, groups, 3);
  const biases = bias === undefined ? [] : split<Tensor1D>(bias, groups);
  const parts = split<Tensor4D>(maps, groups, 3).map((own, at) => {
    const ownBias = biases[at];
    return convolve(own, { kernel: kernels[at] as Tensor4D, ...(ownBias && { bias: ownBias }) });
  });
  return concat(parts, 3);
}

function isPositiveInteger(value: number): boolean {
  return Number.isInteger(value) && value >= 1;
}
