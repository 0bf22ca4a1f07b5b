import type { Rank, Tensor1D, Tensor4D, Variable } from '@tensorflow/tfjs-core';
import type { Layer } from './layer.ts';

/**
 * What a layer does at inference, in pieces that a folded network puts together anew. A layer that
 * has no `parts` is one piece that runs as it is: whoever
 * writes a layer need not know of this.
 */
export type Part =
  | ConvolutionPart
  | NormalizePart
  | RectifyPart
  | SumPart
  | ConcatenationPart
  | LayerPart;

/** A convolution, grouped, depthwise or neither, and a bias where there is one. */
export interface ConvolutionPart {
  readonly does: 'convolve';
  /**
   * [size, size, from / groups, to], or [size, size, channels, 1] of a depthwise one: the two last
   * sides together are those that come out, and what goes in.
   */
  readonly kernel: Variable<Rank.R4>;
  /** [to]. */
  readonly bias?: Variable<Rank.R1>;
  readonly convolve: Convolve;
}

/** activation(kernel ∗ maps + bias), in as few kernels of the engine as it has for that. */
export type Convolve = (
  maps: Tensor4D,
  weights: ConvolutionWeights,
  activation: Activation,
) => Tensor4D;

/** Of the same shapes as the part's own. */
export interface ConvolutionWeights {
  readonly kernel: Tensor4D;
  readonly bias?: Tensor1D;
}

/** What follows the sum of products and bias in the same kernel. */
export type Activation = 'linear' | Rectifier;

/** max(x, 0), or min(max(x, 0), 6). */
export type Rectifier = 'relu' | 'relu6';

/** scale · (x − mean) / √(variance + epsilon) + offset, channel by channel. */
export interface NormalizePart {
  readonly does: 'normalize';
  readonly scale: Variable<Rank.R1>;
  readonly offset: Variable<Rank.R1>;
  readonly mean: Variable<Rank.R1>;
  readonly variance: Variable<Rank.R1>;
  readonly epsilon: number;
}

export interface RectifyPart {
  readonly does: 'rectify';
  readonly by: Rectifier;
}

/** body(x) + shortcut(x); a shortcut without parts is x itself. */
export interface SumPart {
  readonly does: 'sum';
  readonly body: readonly Part[];
  readonly shortcut: readonly Part[];
}

/** The channels of all branches of x side by side. */
export interface ConcatenationPart {
  readonly does: 'concatenate';
  readonly branches: readonly (readonly Part[])[];
}

/** Whatever the layer does at training: false. */
export interface LayerPart {
  readonly does: 'apply';
  readonly layer: Layer;
}

/** The parts of some layers in a row. */
export function partsOf(layers: readonly Layer[]): Part[] {
  return layers.flatMap((layer) => layer.parts ?? [{ does: 'apply', layer }]);
}
