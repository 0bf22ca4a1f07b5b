import { ensure } from '@kd/core';
import { pad, type Tensor4D } from '@tensorflow/tfjs-core';

/**
 * Zeros around a map: as many on every side, as PyTorch counts them, or as TensorFlow's `same` has
 * them: ⌈side / stride⌉ pixels come out, and where the zeros
 * cannot be shared evenly (even sides at stride 2), the end has one more than the beginning.
 */
export type Padding = number | 'same';

/** As many as keep the size at stride 1. */
export function usualPadding(size: number): number {
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
 * The padding as TF.js takes it: by number, as in PyTorch (TensorFlow's `same` at stride 2 pads the
 * end alone), and by name where the two agree, since the
 * kernels of every engine know the names best.
 */
export function paddingOf(size: number, stride: number, padding: Padding): Padding | 'valid' {
  if (padding === 0) return 'valid';
  return stride === 1 && padding !== 'same' && 2 * padding === size - 1 ? 'same' : padding;
}

/**
 * Maps for kernels that know paddings by name alone: zeros of a number stand in the maps, and the
 * name is then `valid`.
 */
export function paddedByName(
  maps: Tensor4D,
  padding: ReturnType<typeof paddingOf>,
): readonly [Tensor4D, 'same' | 'valid'] {
  if (typeof padding === 'string') return [maps, padding];
  const border: [number, number] = [padding, padding];
  return [pad(maps, [[0, 0], border, border, [0, 0]]), 'valid'];
}
