import {
  type ByteSource,
  bytesPerElement,
  nullPrototypeRecord,
  readSafetensorsIndex,
  toFloat32,
} from '@kd/files';
import type { TensorEntry, Weights } from './weights.ts';

/**
 * The tensors of a safetensors file; only its header is read now. @throws RangeError that names the
 * file and the field.
 */
export function safetensorsWeights(source: ByteSource, place: string): Weights {
  const { tensors, metadata } = readSafetensorsIndex(source, place);
  const entries = nullPrototypeRecord<TensorEntry>();
  for (const [name, { dtype, shape, begin, end }] of Object.entries(tensors)) {
    entries[name] = {
      dtype,
      shape,
      read: () => toFloat32(source, dtype, begin, (end - begin) / bytesPerElement(dtype)),
    };
  }
  return { place, entries, metadata };
}
