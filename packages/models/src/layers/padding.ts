import { ensure } from '@kd/core';
import { pad, type Tensor4D } from '@tensorflow/tfjs-core';

/**
 * Zeros around a map: a number of them on every side, as in PyTorch, or TensorFlow's `same`. That
 * gives ⌈side / stride⌉ output pixels; if the zeros cannot be shared evenly (even sides at
 * stride 2), the end has one more than the beginning.
 */
export type Padding = number | 'same';

/** The padding that keeps the size at stride 1. */
export function defaultPadding(size: number): number {
  return Math.floor((size - 1) / 2);
}

/** Throws unless maps can be padded so. */
export function checkPadding(caller: string, padding: Padding): void {
  ensure(
    padding === 'same' || (Number.isInteger(padding) && padding >= 0),
    caller,
    'padding as a whole number ≥ 0, or same',
    padding,
  );
}

/**
 * The padding in TF.js's terms: a number, as in PyTorch (TensorFlow's `same` at stride 2 pads the
 * end alone), or a name if both agree, since every engine's kernels are fastest with the names.
 */
export function tfjsPadding(size: number, stride: number, padding: Padding): Padding | 'valid' {
  if (padding === 0) return 'valid';
  return stride === 1 && padding !== 'same' && 2 * padding === size - 1 ? 'same' : padding;
}

/**
 * Pads maps for kernels that take a padding by name alone: a number of zeros is added to the maps,
 * and the name is then `valid`.
 */
export function padMaps(
  maps: Tensor4D,
  padding: ReturnType<typeof tfjsPadding>,
): readonly [Tensor4D, 'same' | 'valid'] {
  if (typeof padding === 'string') return [maps, padding];
  const border: [number, number] = [padding, padding];
  return [pad(maps, [[0, 0], border, border, [0, 0]]), 'valid'];
}
