import type { ChannelAffineNode, ConvolutionNode, DenseNode } from '@kd/core';

/** scale · x + offset, channel by channel; one value stands for all channels. */
export interface Affine {
  readonly scale: Float64Array;
  readonly offset: Float64Array;
}

/**
 * A convolution or a dense layer that also multiplies and shifts its outputs, computed in float64:
 *
 *     kernel ← kernel · scale
 *     bias ← bias · scale + offset
 *
 * Source: Jacob et al., "Quantization and training of neural networks for efficient
 * integer-arithmetic-only inference", CVPR 2018, section 3.2.
 */
export function foldAffine<Node extends ConvolutionNode | DenseNode>(
  node: Node,
  { scale, offset }: Affine,
): Node {
  const { kernel, bias } = node;
  const outputs = bias.values.length;
  const shared = (values: Float64Array, to: number): number =>
    values[values.length === 1 ? 0 : to] as number;
  return {
    ...node,
    kernel: {
      ...kernel,
      values: kernel.values.map((value, at) => value * shared(scale, at % outputs)),
    },
    bias: {
      ...bias,
      values: bias.values.map((value, to) => value * shared(scale, to) + shared(offset, to)),
    },
  };
}

/** The same as an operation of its own. */
export function affineOperation({ scale, offset }: Affine): ChannelAffineNode {
  return {
    kind: 'channelAffine',
    scale: { shape: [scale.length], values: Float32Array.from(scale) },
    offset: { shape: [offset.length], values: Float32Array.from(offset) },
    activation: 'linear',
  };
}

/** Batch norm with running averages: scale · (x − mean) / √(variance + ε) + offset. */
export function normAffine({ scale, offset, mean, variance, epsilon }: NormWeights): Affine {
  const gain = Float64Array.from(
    variance,
    (value, channel) => valueAt(scale, channel, 1) / Math.sqrt(value + epsilon),
  );
  const shift = gain.map(
    (value, channel) => valueAt(offset, channel, 0) - valueAt(mean, channel, 0) * value,
  );
  return { scale: gain, offset: shift };
}

export interface NormWeights {
  /** Absent: ones. */
  readonly scale?: Float32Array | undefined;
  /** Absent: zeros. */
  readonly offset?: Float32Array | undefined;
  readonly mean: Float32Array;
  readonly variance: Float32Array;
  readonly epsilon: number;
}

function valueAt(values: Float32Array | undefined, at: number, absent: number): number {
  return values?.[at] ?? absent;
}
