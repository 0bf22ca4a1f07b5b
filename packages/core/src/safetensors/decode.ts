import { byteSource, bytesBetween } from '../byteSource.ts';
import { arrays, type DecodedSafetensors, emptyRecord } from './dtypes.ts';
import { locateSafetensors } from './locate.ts';

/**
 * Reads a safetensors file. The bytes may come from anywhere: every length, offset, type and name is checked before it is used.
 * @param where For messages: the file's name.
 * @returns Copies: `bytes` may be reused.
 * @throws RangeError that names the file and the field.
 */
export function decodeSafetensors(bytes: Uint8Array, where: string): DecodedSafetensors {
  const source = byteSource(bytes);
  const { tensors: places, metadata } = locateSafetensors(source, where);
  const tensors: DecodedSafetensors['tensors'] = emptyRecord();
  for (const [name, { dtype, shape, begin, end }] of Object.entries(places)) {
    tensors[name] = { dtype, shape, data: new arrays[dtype](bytesBetween(source, begin, end).buffer) };
  }
  return { tensors, metadata };
}
