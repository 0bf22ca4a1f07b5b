import { ensure } from '../errors.ts';
import { arrays, type DecodedSafetensors, emptyRecord, isDtype } from './dtypes.ts';
import { readHeader } from './header.ts';

interface Entry {
  readonly name: string;
  readonly dtype: keyof typeof arrays;
  readonly shape: number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * Reads a safetensors file. The bytes may come from anywhere: every length, offset, type and name is checked before it is used.
 * @param where For messages: the file's name.
 * @returns Copies: `bytes` may be reused.
 * @throws RangeError that names the file and the field.
 */
export function decodeSafetensors(bytes: Uint8Array, where: string): DecodedSafetensors {
  const { header, dataStart } = readHeader(bytes, where);
  const dataLength = bytes.length - dataStart;
  const metadata = emptyRecord<string>();
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') Object.assign(metadata, metadataOf(value, where));
    else entries.push(entryOf(name, value, dataLength, where));
  }
  entries.sort((left, right) => left.begin - right.begin || left.end - right.end);
  expectWithoutGaps(entries, dataLength, where);

  const tensors: DecodedSafetensors['tensors'] = emptyRecord();
  for (const { name, dtype, shape, begin, end } of entries) {
    const copy = new Uint8Array(bytes.subarray(dataStart + begin, dataStart + end));
    tensors[name] = { dtype, shape, data: new arrays[dtype](copy.buffer) };
  }
  return { tensors, metadata };
}

function metadataOf(value: unknown, where: string): Record<string, string> {
  ensure(isRecord(value), where, '__metadata__ to be an object of strings', kindOf(value));
  for (const [name, text] of Object.entries(value)) ensure(typeof text === 'string', where, `__metadata__.${name} to be a string`, kindOf(text));
  return value as Record<string, string>;
}

function entryOf(name: string, value: unknown, dataLength: number, where: string): Entry {
  ensure(isRecord(value), where, `an object for ${name}`, kindOf(value));
  const strange = Object.keys(value).find((key) => key !== 'dtype' && key !== 'shape' && key !== 'data_offsets');
  ensure(strange === undefined, where, `dtype, shape and data_offsets for ${name}`, strange);
  const { dtype, shape, data_offsets: offsets } = value;
  ensure(isDtype(dtype), where, `dtype of ${name} to be one of ${Object.keys(arrays).join(', ')}`, dtype);
  ensure(isSizes(shape), where, `shape of ${name} to be whole numbers ≥ 0`, shape);
  ensure(isSizes(offsets) && offsets.length === 2, where, `data_offsets of ${name} to be two whole numbers ≥ 0`, offsets);
  const [begin, end] = offsets as [number, number];
  ensure(begin <= end && end <= dataLength, where, `data_offsets of ${name} in order and within ${dataLength} bytes of data`, offsets);
  const size = shape.reduce((product, side) => product * side, arrays[dtype].BYTES_PER_ELEMENT);
  ensure(size === end - begin, where, `data_offsets of ${name} to hold ${size} bytes (${dtype} [${shape.join(', ')}])`, end - begin);
  return { name, dtype, shape, begin, end };
}

/** The format asks that tensors cover all bytes, each once: nothing hides between them and none shares another's. */
function expectWithoutGaps(entries: readonly Entry[], dataLength: number, where: string): void {
  let end = 0;
  for (const entry of entries) {
    ensure(entry.begin === end, where, `data_offsets of ${entry.name} to begin at ${end}, where the tensor before ends`, entry.begin);
    end = entry.end;
  }
  ensure(end === dataLength, where, `${end} bytes of data, as the header says`, dataLength);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((side) => Number.isSafeInteger(side) && side >= 0);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : `${typeof value === 'object' ? 'an object' : `a ${typeof value}`}`;
}
