import { type ByteSource, byteSource } from '@kd/core';
import { safetensorsWeights } from './safetensorsWeights.ts';
import type { Weights } from './weights.ts';

/**
 * Named tensors of a file in memory: safetensors, or what `torch.save` writes, told apart by the first bytes.
 * @param bytes Kept, and read at every `read`: leave them as they are.
 * @param place For messages: the file's name.
 * @throws RangeError that names the file and what is wrong in it.
 */
export function parseWeights(bytes: Uint8Array, place: string): Weights {
  return weightsOf(byteSource(bytes), place);
}

/** The same of bytes that are read by range. */
export function weightsOf(source: ByteSource, place: string): Weights {
  return safetensorsWeights(source, place);
}
