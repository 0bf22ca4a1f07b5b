import { type ByteSource, emptyRecord, locateSafetensors, readNumbers, widthOf } from '@kd/core';
import type { WeightEntry, Weights } from './weights.ts';

/** The tensors of a safetensors file; only its header is read now. @throws RangeError that names the file and the field. */
export function safetensorsWeights(source: ByteSource, place: string): Weights {
  const { tensors, metadata } = locateSafetensors(source, place);
  const entries = emptyRecord<WeightEntry>();
  for (const [name, { dtype, shape, begin, end }] of Object.entries(tensors)) {
    entries[name] = { dtype, shape, read: () => readNumbers(source, dtype, begin, (end - begin) / widthOf(dtype)) };
  }
  return { place, entries, metadata };
}
