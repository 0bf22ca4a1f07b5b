import { ensure } from '@kd/core';
import type { ByteSource } from '../../byteSource.ts';
import { arrays, isDtype, nullPrototypeRecord, type SafetensorsDtype } from './dtypes.ts';
import { readHeader } from './header.ts';

/**
 * Where one tensor of a file lies: its bytes are those from `begin` to `end` of the file, row by
 * row, little-endian.
 */
export interface TensorLocation {
  readonly dtype: SafetensorsDtype;
  readonly shape: number[];
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsIndex {
  /**
   * By name, in the order of the bytes; a record without prototype, so that only names in the file
   * are found.
   */
  readonly tensors: Record<string, TensorLocation>;
  readonly metadata: Record<string, string>;
}

/**
 * Says where the tensors of a safetensors file lie; of the file only the header is read. The bytes
 * may come from anywhere: every length, offset, type
 * and name is checked before it is used.
 * @param caller For messages: the file's name.
 * @throws RangeError that names the file and the field.
 */
export function readSafetensorsIndex(source: ByteSource, caller: string): SafetensorsIndex {
  const { header, dataStart } = readHeader(source, caller);
  const dataLength = source.length - dataStart;
  const metadata = nullPrototypeRecord<string>();
  const entries: (TensorLocation & { readonly name: string })[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') Object.assign(metadata, metadataOf(value, caller));
    else entries.push({ name, ...placeOf(name, value, dataLength, caller) });
  }
  entries.sort((left, right) => left.begin - right.begin || left.end - right.end);

  const tensors = nullPrototypeRecord<TensorLocation>();
  // The format asks that tensors cover all bytes, each once: nothing hides between them and none
  // shares another's.
  let covered = 0;
  for (const { name, dtype, shape, begin, end } of entries) {
    ensure(
      begin === covered,
      caller,
      `data_offsets of ${name} to begin at ${covered}, where the tensor before ends`,
      begin,
    );
    covered = end;
    tensors[name] = { dtype, shape, begin: dataStart + begin, end: dataStart + end };
  }
  ensure(
    covered === dataLength,
    caller,
    `${covered} bytes of data, as the header says`,
    dataLength,
  );
  return { tensors, metadata };
}

function metadataOf(value: unknown, caller: string): Record<string, string> {
  ensure(isRecord(value), caller, '__metadata__ to be an object of strings', kindOf(value));
  for (const [name, text] of Object.entries(value))
    ensure(typeof text === 'string', caller, `__metadata__.${name} to be a string`, kindOf(text));
  return value as Record<string, string>;
}

/** @returns Offsets within the data. */
function placeOf(name: string, value: unknown, dataLength: number, caller: string): TensorLocation {
  ensure(isRecord(value), caller, `an object for ${name}`, kindOf(value));
  const strange = Object.keys(value).find(
    (key) => key !== 'dtype' && key !== 'shape' && key !== 'data_offsets',
  );
  ensure(strange === undefined, caller, `dtype, shape and data_offsets for ${name}`, strange);
  const { dtype, shape, data_offsets: offsets } = value;
  ensure(
    isDtype(dtype),
    caller,
    `dtype of ${name} to be one of ${Object.keys(arrays).join(', ')}`,
    dtype,
  );
  ensure(isSizes(shape), caller, `shape of ${name} to be whole numbers ≥ 0`, shape);
  ensure(
    isSizes(offsets) && offsets.length === 2,
    caller,
    `data_offsets of ${name} to be two whole numbers ≥ 0`,
    offsets,
  );
  const [begin, end] = offsets as [number, number];
  ensure(
    begin <= end && end <= dataLength,
    caller,
    `data_offsets of ${name} in order and within ${dataLength} bytes of data`,
    offsets,
  );
  const size = shape.reduce((product, side) => product * side, arrays[dtype].BYTES_PER_ELEMENT);
  ensure(
    size === end - begin,
    caller,
    `data_offsets of ${name} to hold ${size} bytes (${dtype} [${shape.join(', ')}])`,
    end - begin,
  );
  return { dtype, shape, begin, end };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((side) => Number.isSafeInteger(side) && side >= 0);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value)
    ? 'a list'
    : `${typeof value === 'object' ? 'an object' : `a ${typeof value}`}`;
}
