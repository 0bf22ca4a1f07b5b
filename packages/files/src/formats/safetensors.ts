/**
 * The safetensors format: 8 bytes of header length, a JSON header, then the data of all tensors,
 * little-endian and without gaps.
 */
import { ensure, expectedError } from '@kd/core';
import { describeKind, isRecord, isSizes, nullPrototypeRecord } from '../records.ts';
import { type ByteSource, byteSource, readRange } from '../source.ts';

/**
 * Number types of the format, each with its typed array. Half precision and 8-bit floats are held
 * as their bits. The format has more types (complex numbers, floats of 4 and 6 bits, other 8-bit
 * floats): those are refused by name.
 */
export const safetensorsArrays = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  F8_E4M3: Uint8Array,
  F8_E5M2: Uint8Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U64: BigUint64Array,
  U32: Uint32Array,
  U16: Uint16Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const;

/** Name of a number type. */
export type SafetensorsDtype = keyof typeof safetensorsArrays;

/** Typed array of a tensor's data. */
export type SafetensorsArray =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint32Array
  | Uint16Array
  | Uint8Array;

/** One tensor of a file. */
export interface SafetensorsTensor {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /**
   * F16 and BF16: bits in a Uint16Array. F8_E4M3 and F8_E5M2: bits in a Uint8Array. BOOL: 0 and 1
   * in a Uint8Array. The others: the typed array of their name.
   */
  readonly data: SafetensorsArray;
}

/** Tensors and metadata of a file. */
export interface DecodedSafetensors {
  /**
   * Tensors by name, in the order of their bytes. The record has no prototype, so that it has only
   * names of the file.
   */
  readonly tensors: Record<string, SafetensorsTensor & { readonly shape: number[] }>;
  readonly metadata: Record<string, string>;
}

/** Longest header in bytes: the limit of the format's own library. */
const headerLimit = 100_000_000;

function isDtype(value: unknown): value is SafetensorsDtype {
  return typeof value === 'string' && Object.hasOwn(safetensorsArrays, value);
}

/**
 * Location of one tensor in a file: its bytes are those from `begin` to `end`, in row-major order
 * and little-endian.
 */
export interface TensorLocation {
  readonly dtype: SafetensorsDtype;
  readonly shape: number[];
  readonly begin: number;
  readonly end: number;
}

/** Locations of all tensors of a file, and its metadata. */
export interface SafetensorsIndex {
  /**
   * Tensors by name, in the order of their bytes. The record has no prototype, so that it has only
   * names of the file.
   */
  readonly tensors: Record<string, TensorLocation>;
  readonly metadata: Record<string, string>;
}

/**
 * Reads the locations of the tensors of a safetensors file from its header. The file need not be
 * trusted: every length, offset, type and name is checked before it is used.
 * @param caller Start of messages: the file's name.
 * @throws RangeError that names the file and the field.
 */
export function readSafetensorsIndex(source: ByteSource, caller: string): SafetensorsIndex {
  const { header, dataStart } = readHeader(source, caller);
  const dataLength = source.length - dataStart;
  const metadata = nullPrototypeRecord<string>();
  const entries: (TensorLocation & { readonly name: string })[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') Object.assign(metadata, checkMetadata(value, caller));
    else entries.push({ name, ...readLocation(name, value, dataLength, caller) });
  }
  entries.sort((left, right) => left.begin - right.begin || left.end - right.end);

  const tensors = nullPrototypeRecord<TensorLocation>();
  // Tensors must cover every byte exactly once: nothing is hidden between them, none overlaps.
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
    `${covered} bytes of data, as the header has it`,
    dataLength,
  );
  return { tensors, metadata };
}

function checkMetadata(value: unknown, caller: string): Record<string, string> {
  ensure(isRecord(value), caller, '__metadata__ to be an object of strings', describeKind(value));
  for (const [name, text] of Object.entries(value))
    ensure(
      typeof text === 'string',
      caller,
      `__metadata__.${name} to be a string`,
      describeKind(text),
    );
  return value as Record<string, string>;
}

/** @returns Location relative to the start of the data. */
function readLocation(
  name: string,
  value: unknown,
  dataLength: number,
  caller: string,
): TensorLocation {
  ensure(isRecord(value), caller, `an object for ${name}`, describeKind(value));
  const unknownKey = Object.keys(value).find(
    (key) => key !== 'dtype' && key !== 'shape' && key !== 'data_offsets',
  );
  ensure(unknownKey === undefined, caller, `dtype, shape and data_offsets for ${name}`, unknownKey);
  const { dtype, shape, data_offsets: offsets } = value;
  ensure(
    isDtype(dtype),
    caller,
    `dtype of ${name} to be one of ${Object.keys(safetensorsArrays).join(', ')}`,
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
  const size = shape.reduce(
    (product, side) => product * side,
    safetensorsArrays[dtype].BYTES_PER_ELEMENT,
  );
  ensure(
    size === end - begin,
    caller,
    `data_offsets of ${name} to hold ${size} bytes (${dtype} [${shape.join(', ')}])`,
    end - begin,
  );
  return { dtype, shape, begin, end };
}

/**
 * Decodes a safetensors file. It need not be trusted: every length, offset, type and name is
 * checked before it is used.
 * @param caller Start of messages: the file's name.
 * @returns Copies: `bytes` may be reused.
 * @throws RangeError that names the file and the field.
 */
export function decodeSafetensors(bytes: Uint8Array, caller: string): DecodedSafetensors {
  const source = byteSource(bytes);
  const { tensors: locations, metadata } = readSafetensorsIndex(source, caller);
  const tensors: DecodedSafetensors['tensors'] = nullPrototypeRecord();
  for (const [name, { dtype, shape, begin, end }] of Object.entries(locations)) {
    tensors[name] = {
      dtype,
      shape,
      data: new safetensorsArrays[dtype](readRange(source, begin, end).buffer),
    };
  }
  return { tensors, metadata };
}

/**
 * Encodes a safetensors file. The header is padded to 8 bytes and wide types come first, so that
 * every tensor is aligned to its own type. The machine must be little-endian, as all machines that
 * TensorFlow.js runs on are.
 * @param metadata Stored as `__metadata__`.
 * @throws RangeError if the data of a tensor does not fit its dtype or shape.
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, SafetensorsTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const names = Object.keys(tensors).sort((left, right) => {
    const [wide, narrow] = [
      tensors[right] as SafetensorsTensor,
      tensors[left] as SafetensorsTensor,
    ];
    return wide.data.BYTES_PER_ELEMENT - narrow.data.BYTES_PER_ELEMENT || (left < right ? -1 : 1);
  });
  const header = nullPrototypeRecord<unknown>();
  if (Object.keys(metadata).length > 0) header.__metadata__ = copyMetadata(metadata);
  let end = 0;
  for (const name of names) {
    const { dtype, shape, data } = checkTensor(name, tensors[name] as SafetensorsTensor);
    header[name] = { dtype, shape, data_offsets: [end, end + data.byteLength] };
    end += data.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const headerLength = Math.ceil(text.length / 8) * 8;
  ensure(
    headerLength <= headerLimit,
    'encodeSafetensors',
    `a header of at most ${headerLimit} bytes`,
    headerLength,
  );

  const file = new Uint8Array(8 + headerLength + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerLength), true);
  file.set(text, 8);
  file.fill(0x20, 8 + text.length, 8 + headerLength);
  let at = 8 + headerLength;
  for (const name of names) {
    const { data } = tensors[name] as SafetensorsTensor;
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return file;
}

function checkTensor(name: string, tensor: SafetensorsTensor): SafetensorsTensor {
  const { dtype, shape, data } = tensor;
  const caller = 'encodeSafetensors';
  ensure(name !== '__metadata__', caller, 'tensor names other than __metadata__', name);
  ensure(
    isDtype(dtype),
    caller,
    `dtype of ${name} to be one of ${Object.keys(safetensorsArrays).join(', ')}`,
    dtype,
  );
  const array = safetensorsArrays[dtype];
  ensure(
    data instanceof array,
    caller,
    `data of ${name} (${dtype}) in ${array.name}`,
    data.constructor.name,
  );
  ensure(
    shape.every((side) => Number.isSafeInteger(side) && side >= 0),
    caller,
    `shape of ${name} to be whole numbers ≥ 0`,
    shape,
  );
  const size = shape.reduce((product, side) => product * side, 1);
  ensure(
    size === data.length,
    caller,
    `${size} numbers for ${name} of shape [${shape.join(', ')}]`,
    data.length,
  );
  return tensor;
}

function copyMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> {
  const copy = nullPrototypeRecord<string>();
  for (const [name, value] of Object.entries(metadata)) {
    ensure(typeof value === 'string', 'encodeSafetensors', `a string for metadata ${name}`, value);
    copy[name] = value;
  }
  return copy;
}

/** Reads the JSON header and where the data begins after it. */
function readHeader(
  source: ByteSource,
  caller: string,
): { header: Record<string, unknown>; dataStart: number } {
  ensure(
    source.length >= 8,
    caller,
    'a safetensors file: 8 bytes of header length first',
    `${source.length} bytes`,
  );
  const length = new DataView(readRange(source, 0, 8).buffer).getBigUint64(0, true);
  ensure(
    length <= BigInt(headerLimit),
    caller,
    `a header of at most ${headerLimit} bytes`,
    length,
    'this may not be a safetensors file',
  );
  const dataStart = 8 + Number(length);
  ensure(
    dataStart <= source.length,
    caller,
    `a header of ${length} bytes, as the file has it`,
    `${source.length - 8}`,
    'the file is cut short',
  );
  const text = decodeHeader(readRange(source, 8, dataStart), caller);
  ensure(
    text.startsWith('{'),
    caller,
    'a header that starts with {',
    JSON.stringify(text.slice(0, 16)),
    'this may not be a safetensors file',
  );
  const header = parseHeader(text, caller);
  const repeated = findRepeatedKey(text);
  ensure(repeated === undefined, caller, 'every name of the header once', `${repeated} twice`);
  return { header, dataStart };
}

function decodeHeader(bytes: Uint8Array, caller: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw Object.assign(
      expectedError(
        caller,
        'a header in UTF-8',
        'other bytes',
        'this may not be a safetensors file',
      ),
      { cause },
    );
  }
}

function parseHeader(text: string, caller: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw Object.assign(expectedError(caller, 'a header in JSON', (cause as Error).message), {
      cause,
    });
  }
}

/** Finds a repeated key, of which `JSON.parse` would keep the last. @param json Valid JSON. */
function findRepeatedKey(json: string): string | undefined {
  const open: Set<string>[] = [];
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === '{' || character === '[') open.push(new Set());
    else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const start = at;
      for (at++; json[at] !== '"'; at++) if (json[at] === '\\') at++;
      if (!isFollowedByColon(json, at + 1)) continue;
      const key = JSON.parse(json.slice(start, at + 1)) as string;
      const keys = open.at(-1) as Set<string>;
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}

function isFollowedByColon(json: string, at: number): boolean {
  let next = at;
  while (' \t\r\n'.includes(json.charAt(next)) && next < json.length) next++;
  return json[next] === ':';
}
