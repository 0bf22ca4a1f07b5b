import { ensure } from '@kd/core';
import { subarrayBetween } from '@kd/files';
import { fileByteSource } from '@kd/files/node';

/** More than a protobuf can hold. */
const largest = 2 ** 31;

/** A whole file. @throws RangeError that names it, where it is none or too large. */
export async function readBounded(file: string, caller: string): Promise<Uint8Array<ArrayBuffer>> {
  const source = fileByteSource(file, caller);
  ensure(source.length < largest, caller, `a file of less than ${largest} bytes`, source.length);
  return subarrayBetween(source, 0, source.length);
}
