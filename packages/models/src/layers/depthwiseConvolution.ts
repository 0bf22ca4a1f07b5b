import { ensure } from '@kd/core';
import { add, depthwiseConv2d, fused, type Rank, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import { drawnVariable, type Initializer, kaimingNormalFanOut } from './initial.ts';
import { expectMaps, type LayerFactory } from './layer.ts';
import { checkPadding, type Padding, paddedByName, paddingOf, usualPadding } from './padding.ts';
import type { Convolve } from './parts.ts';

export interface DepthwiseConvolutionOptions {
  /** In, and as many out. */
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
  readonly initial?: Initializer;
}

/**
 * A convolution of each channel by a kernel of its own: PyTorch's Conv2d with as many groups as
 * channels.
 * Maps [batch, height, width, channels] → [batch, ⌊(height + 2 padding − size) / stride⌋ + 1, …,
 * channels].
 *
 * Weights: `depthwiseKernel` [size, size, channels, 1] and, where asked for, `bias` [channels].
 * Source: Howard et al., "MobileNets", 2017, section 3.1.
 */
export function depthwiseConvolution(options: DepthwiseConvolutionOptions): LayerFactory {
  const {
    channels,
    size = 3,
    stride = 1,
    padding = usualPadding(size),
    bias: withBias = false,
    initial = kaimingNormalFanOut,
  } = options;
  const sizes = [channels, size, stride];
  const areSizes = sizes.every((value) => Number.isInteger(value) && value >= 1);
  ensure(areSizes, 'depthwiseConvolution', 'channels, size and stride as whole numbers ≥ 1', sizes);
  checkPadding('depthwiseConvolution', padding);
  const tfPadding = paddingOf(size, stride, padding);
  const convolve: Convolve = (maps, { kernel, bias }, activation) => {
    const [x, pad] = paddedByName(maps, tfPadding);
    return fused.depthwiseConv2d({
      x,
      filter: kernel,
      strides: stride,
      pad,
      activation,
      ...(bias !== undefined && { bias }),
    });
  };
  return (name, seed) => {
    const fans = { fanIn: size * size, fanOut: size * size };
    const kernel = drawnVariable<Rank.R4>(
      `${name}.depthwiseKernel`,
      [size, size, channels, 1],
      fans,
      initial,
      seed,
    );
    const bias = withBias
      ? drawnVariable<Rank.R1>(`${name}.bias`, [channels], fans, initial, seed)
      : undefined;
    return {
      name,
      stride,
      weights: { [`${name}.depthwiseKernel`]: kernel, ...(bias && { [`${name}.bias`]: bias }) },
      parts: [{ does: 'convolve', kernel, ...(bias && { bias }), convolve }],
      apply(x, { onLayer: observe }) {
        const maps = expectMaps(name, x, channels);
        const y = tidy(() => {
          const [framed, pad] = paddedByName(maps, tfPadding);
          const convolved = depthwiseConv2d(framed, kernel, stride, pad);
          return bias === undefined ? convolved : add<Tensor4D>(convolved, bias);
        });
        const outputShape = y.shape.slice(1);
        observe?.({
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
