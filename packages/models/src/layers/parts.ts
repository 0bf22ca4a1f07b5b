import type { Rank, Variable } from '@tensorflow/tfjs-core';
import type { Layer } from './layer.ts';

/**
 * What a layer does at inference, in pieces that a folded network puts together anew. A layer that has no `parts` is one piece that runs as it is: whoever
 * writes a layer need not know of this.
 */
export type Part = ConvolutionPart | NormalisePart | RectifyPart | SumPart | LayerPart;

/** Square convolution with zero padding, and a bias where there is one. */
export interface ConvolutionPart {
  readonly does: 'convolve';
  /** [size, size, from, to]. */
  readonly kernel: Variable<Rank.R4>;
  /** [to]. */
  readonly bias?: Variable<Rank.R1>;
  readonly stride: number;
  readonly padding: 'same' | 'valid' | number;
}

/** scale · (x − mean) / √(variance + epsilon) + offset, channel by channel. */
export interface NormalisePart {
  readonly does: 'normalise';
  readonly scale: Variable<Rank.R1>;
  readonly offset: Variable<Rank.R1>;
  readonly mean: Variable<Rank.R1>;
  readonly variance: Variable<Rank.R1>;
  readonly epsilon: number;
}

/** max(x, 0). */
export interface RectifyPart {
  readonly does: 'rectify';
}

/** body(x) + shortcut(x); a shortcut without parts is x itself. */
export interface SumPart {
  readonly does: 'sum';
  readonly body: readonly Part[];
  readonly shortcut: readonly Part[];
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
