import { backend, type KernelBackend, type Tensor4D, tensor4d } from '@tensorflow/tfjs-core';

/** A backend that turns bytes into fractions itself. */
export interface ImagesTensorBackend extends KernelBackend {
  /** Creates a tensor as the function `imagesTensor` does; `bytes` is free when it returns. */
  imagesTensor(bytes: Uint8Array, shape: readonly [number, number, number, number]): Tensor4D;
}

/** Byte → 0–1: as exact as a division, and faster. */
const fractions = Float32Array.from({ length: 256 }, (_, value) => value / 255);

/** Writes bytes / 255. @param out As many numbers as there are bytes. */
export function writeFractions(bytes: Uint8Array, out: Float32Array): void {
  for (let at = 0; at < bytes.length; at++) out[at] = fractions[bytes[at] as number] as number;
}

/**
 * Creates the tensor of images 0–1 from their bytes: bytes / 255. Engines that can take the bytes
 * themselves do so: a quarter of the memory is moved, no array is left to be collected, and native
 * code divides.
 * @param bytes [batch, height, width, channels] flattened. It may be written into again as soon as
 * the function has returned.
 * @returns float32; the caller owns it.
 */
export function imagesTensor(
  bytes: Uint8Array,
  shape: readonly [number, number, number, number],
): Tensor4D {
  const created = (backend() as Partial<ImagesTensorBackend>).imagesTensor?.(bytes, shape);
  if (created !== undefined) return created;
  const values = new Float32Array(bytes.length);
  writeFractions(bytes, values);
  return tensor4d(values, [...shape]);
}
