import { ensure } from '@kd/core';
import {
  add,
  concat,
  conv2d,
  depthwiseConv2d,
  fused,
  type Rank,
  split,
  type Tensor1D,
  type Tensor4D,
  tidy,
} from '@tensorflow/tfjs-core';
import { relu } from './activations.ts';
import { type BatchNormOptions, batchNorm } from './batchNorm.ts';
import { type Initializer, initializedVariable, kaimingNormalFanOut } from './initializers.ts';
import { assertMaps, type ConvolutionWeights, type Convolve, type LayerFactory } from './layer.ts';
import { checkPadding, defaultPadding, type Padding, padMaps, tfjsPadding } from './padding.ts';
import { sequential } from './sequential.ts';

export interface ConvolutionOptions {
  /** Input channels. */
  readonly from: number;
  /** Output channels. */
  readonly to: number;
  /** Side of the square kernel; 3. */
  readonly size?: number;
  /** 1. */
  readonly stride?: number;
  /** (size − 1) / 2 zeros on every side, which keeps the size at stride 1. */
  readonly padding?: Padding;
  /** Number of groups of input and output channels that are convolved separately; 1. */
  readonly groups?: number;
  /** false, since a batch norm usually follows. */
  readonly bias?: boolean;
  /** `kaimingNormalFanOut`. */
  readonly initializer?: Initializer;
}

/**
 * Square 2-D convolution: maps [batch, height, width, from] → [batch, ⌊(height + 2 padding − size)
 * / stride⌋ + 1, …, to].
 *
 * Weights: `kernel` [size, size, from / groups, to] and, with `bias: true`, `bias` [to].
 */
export function convolution(options: ConvolutionOptions): LayerFactory {
  const {
    from,
    to,
    size = 3,
    stride = 1,
    padding = defaultPadding(size),
    groups = 1,
    bias: hasBias = false,
    initializer = kaimingNormalFanOut,
  } = options;
  const sizes = [from, to, size, stride];
  ensure(
    sizes.every(isPositiveInteger),
    'convolution',
    'from, to, size and stride as whole numbers ≥ 1',
    sizes,
  );
  checkPadding('convolution', padding);
  const isDivisor = isPositiveInteger(groups) && from % groups === 0 && to % groups === 0;
  ensure(isDivisor, 'convolution', `groups that divide from = ${from} and to = ${to}`, groups);
  const pad = tfjsPadding(size, stride, padding);
  const convolve: Convolve = (maps, weights, activation) =>
    convolveGroups(groups, maps, weights, (x, { kernel: filter, bias }) =>
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
    const kernel = initializedVariable<Rank.R4>(
      `${name}.kernel`,
      [size, size, from / groups, to],
      fans,
      initializer,
      seed,
    );
    const bias = hasBias
      ? initializedVariable<Rank.R1>(`${name}.bias`, [to], fans, initializer, seed)
      : undefined;
    return {
      name,
      channels: to,
      stride,
      weights: { [`${name}.kernel`]: kernel, ...(bias && { [`${name}.bias`]: bias }) },
      inferenceOps: [
        {
          kind: 'convolution',
          name,
          kernel,
          ...(bias && { bias }),
          geometry: { stride, padding, groups },
          convolve,
        },
      ],
      apply(x, { onLayer }) {
        const maps = assertMaps(name, x, from);
        const y = tidy(() => {
          const convolved = convolveGroups(groups, maps, { kernel }, (group, own) =>
            conv2d(group, own.kernel, stride, pad),
          );
          return bias === undefined ? convolved : add<Tensor4D>(convolved, bias);
        });
        const outputShape = y.shape.slice(1);
        onLayer?.({
          name,
          kind: `convolution ${size}×${size}${stride > 1 ? ` /${stride}` : ''}${groups > 1 ? ` in ${groups} groups` : ''}`,
          outputShape,
          parameters: kernel.size + (bias?.size ?? 0),
          macs: outputShape.reduce((product, side) => product * side, fans.fanIn),
        });
        return y;
      },
    };
  };
}

/** Convolves every group of channels with its own part of the weights; outputs are concatenated. */
function convolveGroups(
  groups: number,
  maps: Tensor4D,
  { kernel, bias }: ConvolutionWeights,
  convolve: (group: Tensor4D, weights: ConvolutionWeights) => Tensor4D,
) {
  if (groups === 1) return convolve(maps, { kernel, ...(bias && { bias }) });
  const kernels = split<Tensor4D>(kernel, groups, 3);
  const biases = bias === undefined ? [] : split<Tensor1D>(bias, groups);
  const outputs = split<Tensor4D>(maps, groups, 3).map((group, at) => {
    const groupBias = biases[at];
    return convolve(group, {
      kernel: kernels[at] as Tensor4D,
      ...(groupBias && { bias: groupBias }),
    });
  });
  return concat(outputs, 3);
}

export interface DepthwiseConvolutionOptions {
  /** Input channels, and as many output channels. */
  readonly channels: number;
  /** Side of the square kernel; 3. */
  readonly size?: number;
  /** 1. */
  readonly stride?: number;
  /** (size − 1) / 2 zeros on every side, which keeps the size at stride 1. */
  readonly padding?: Padding;
  /** false, since a batch norm usually follows. */
  readonly bias?: boolean;
  /** `kaimingNormalFanOut`. */
  readonly initializer?: Initializer;
}

/**
 * A convolution of each channel with a kernel of its own: PyTorch's Conv2d with as many groups as
 * channels.
 * Maps [batch, height, width, channels] → [batch, ⌊(height + 2 padding − size) / stride⌋ + 1, …,
 * channels].
 *
 * Weights: `depthwiseKernel` [size, size, channels, 1] and, with `bias: true`, `bias` [channels].
 * Source: Howard et al., "MobileNets", 2017, section 3.1.
 */
export function depthwiseConvolution(options: DepthwiseConvolutionOptions): LayerFactory {
  const {
    channels,
    size = 3,
    stride = 1,
    padding = defaultPadding(size),
    bias: hasBias = false,
    initializer = kaimingNormalFanOut,
  } = options;
  const sizes = [channels, size, stride];
  ensure(
    sizes.every(isPositiveInteger),
    'depthwiseConvolution',
    'channels, size and stride as whole numbers ≥ 1',
    sizes,
  );
  checkPadding('depthwiseConvolution', padding);
  const pad = tfjsPadding(size, stride, padding);
  const convolve: Convolve = (maps, { kernel, bias }, activation) => {
    const [x, named] = padMaps(maps, pad);
    return fused.depthwiseConv2d({
      x,
      filter: kernel,
      strides: stride,
      pad: named,
      activation,
      ...(bias !== undefined && { bias }),
    });
  };
  return (name, seed) => {
    const fans = { fanIn: size * size, fanOut: size * size };
    const kernel = initializedVariable<Rank.R4>(
      `${name}.depthwiseKernel`,
      [size, size, channels, 1],
      fans,
      initializer,
      seed,
    );
    const bias = hasBias
      ? initializedVariable<Rank.R1>(`${name}.bias`, [channels], fans, initializer, seed)
      : undefined;
    return {
      name,
      stride,
      weights: { [`${name}.depthwiseKernel`]: kernel, ...(bias && { [`${name}.bias`]: bias }) },
      inferenceOps: [
        {
          kind: 'convolution',
          name,
          kernel,
          ...(bias && { bias }),
          geometry: { stride, padding, groups: channels },
          convolve,
        },
      ],
      apply(x, { onLayer }) {
        const maps = assertMaps(name, x, channels);
        const y = tidy(() => {
          const [padded, named] = padMaps(maps, pad);
          const convolved = depthwiseConv2d(padded, kernel, stride, named);
          return bias === undefined ? convolved : add<Tensor4D>(convolved, bias);
        });
        const outputShape = y.shape.slice(1);
        onLayer?.({
          name,
          kind: `depthwise ${size}×${size}${stride > 1 ? ` /${stride}` : ''}`,
          outputShape,
          parameters: kernel.size + (bias?.size ?? 0),
          macs: outputShape.reduce((product, side) => product * side, size * size),
        });
        return y;
      },
    };
  };
}

/** A convolution, its batch norm and an optional activation, named `conv`, `bn` and `act`. */
export function convBnAct(
  conv: LayerFactory,
  norm: BatchNormOptions,
  activation?: LayerFactory,
): LayerFactory {
  return sequential({ conv, bn: batchNorm(norm), ...(activation && { act: activation }) });
}

/**
 * A 3×3 convolution that keeps the size, batch norm and ReLU, named `conv`, `bn` and `relu`: the
 * stage of the small networks.
 */
export function convBnRelu(from: number, to: number): LayerFactory {
  return sequential({
    conv: convolution({ from, to }),
    bn: batchNorm({ channels: to }),
    relu: relu(),
  });
}

function isPositiveInteger(value: number): boolean {
  return Number.isInteger(value) && value >= 1;
}
