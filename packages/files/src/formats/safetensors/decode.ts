import { byteSource, subarrayBetween } from '../../byteSource.ts';
import { arrays, type DecodedSafetensors, nullPrototypeRecord } from './dtypes.ts';
import { readSafetensorsIndex } from './locate.ts';

/**
 * Reads a safetensors file. The bytes may come from anywhere: every length, offset, type and name
 * is checked before it is used.
 * @param caller For messages: the file's name.
 * @returns Copies: `bytes` may be reused.
 * @throws RangeError that names the file and the field.
 */
export function decodeSafetensors(bytes: Uint8Array, caller: string): DecodedSafetensors {
  const source = byteSource(bytes);
  const { tensors: places, metadata } = readSafetensorsIndex(source, caller);
  const tensors: DecodedSafetensors['tensors'] = nullPrototypeRecord();
  for (const [name, { dtype, shape, begin, end }] of Object.entries(places)) {
    tensors[name] = {
      dtype,
      shape,
      data: new arrays[dtype](subarrayBetween(source, begin, end).buffer),
    };
  }
  return { tensors, metadata };
}
