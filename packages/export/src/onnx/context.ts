import type { Pads } from '@kd/core';
import type { StoreKernel } from './kernels.ts';
import type { OnnxWriter } from './onnxWriter.ts';

/** What an operation of the graph is written with. */
export interface OperationContext {
  readonly writer: OnnxWriter;
  /** Stores kernels. */
  readonly store: StoreKernel;
  /** Inputs of the node, as the file has them. */
  readonly inputs: readonly OnnxInput[];
  /** Name for the result. */
  readonly output: string;
  /** Whether a flattening may leave the channels first, since only dense layers take it. */
  readonly keepsOrder: boolean;
  /** Whether the result is cut to the range of the fused activation anyway. */
  readonly isClamped: boolean;
}

/** A value in the file. */
export interface OnnxInput {
  readonly name: string;
  /** Shape in the graph, without the batch. */
  readonly shape: readonly number[];
  /** Of flattened maps whose channels come first in the file: [height, width, channels]. */
  readonly flattened?: readonly [number, number, number];
}

/** Begins of all axes, then ends: never left to the reader. */
export function padsOf({ top, left, bottom, right }: Pads): readonly number[] {
  return [top, left, bottom, right];
}
