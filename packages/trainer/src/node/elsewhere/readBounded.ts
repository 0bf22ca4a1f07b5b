import { bytesBetween, ensure } from '@kd/core';
import { fileSource } from '@kd/core/node';

/** More than a protobuf can hold. */
const largest = 2 ** 31;

/** A whole file. @throws RangeError that names it, where it is none or too large. */
export async function readBounded(file: string, where: string): Promise<Uint8Array<ArrayBuffer>> {
  const source = fileSource(file, where);
  ensure(source.length < largest, where, `a file of less than ${largest} bytes`, source.length);
  return bytesBetween(source, 0, source.length);
}
