import type { Pads } from '@kd/core';
import type { Padding } from '../../layers/padding.ts';

export interface WindowGeometry {
  /** Rows and columns that a window covers, dilation included. */
  readonly extents: readonly [number, number];
  readonly strides: readonly [number, number];
  /** A number of rows and columns on every side, or TensorFlow's `same`. */
  readonly padding: Padding;
}

/** Padding written out for maps of this size. @param shape [height, width, channels]. */
export function padsOf(
  shape: readonly number[],
  { extents, strides, padding }: WindowGeometry,
): Pads {
  if (padding !== 'same') return { top: padding, bottom: padding, left: padding, right: padding };
  const [top, bottom] = samePads(shape[0] ?? 1, extents[0], strides[0]);
  const [left, right] = samePads(shape[1] ?? 1, extents[1], strides[1]);
  return { top, bottom, left, right };
}

/**
 * As many as ⌈side / stride⌉ windows need; of an odd number the end has one more.
 *
 * Source: TensorFlow's documentation of `tf.nn`, "Notes on padding".
 */
function samePads(side: number, extent: number, stride: number): readonly [number, number] {
  const positions = Math.ceil(side / stride);
  const total = Math.max((positions - 1) * stride + extent - side, 0);
  const before = Math.floor(total / 2);
  return [before, total - before];
}
