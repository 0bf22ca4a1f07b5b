import { ensure } from '@kd/core';
import { type ByteSource, readRange } from '../source.ts';
import type { SafetensorsDtype } from './safetensors.ts';

/** Location and type of the numbers in an `.npy` file. */
export interface NpyArray {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** Whether the array is stored in column-major order. */
  readonly fortranOrder: boolean;
  /** Position of the first number. */
  readonly begin: number;
}

/** Types by their codes in a header. */
const dtypes: Readonly<Record<string, SafetensorsDtype>> = {
  f2: 'F16',
  f4: 'F32',
  f8: 'F64',
  u1: 'U8',
  u2: 'U16',
  u4: 'U32',
  u8: 'U64',
  i1: 'I8',
  i2: 'I16',
  i4: 'I32',
  i8: 'I64',
  b1: 'BOOL',
};
const headerLimit = 65_536;

/** The types that a reader of an `.npy` file can use. */
export interface NpyTypes {
  readonly allowed: readonly SafetensorsDtype[];
  /** For messages: `descr '<f2', '<f4' or '<f8'`. */
  readonly expected: string;
  readonly remedy: string;
}

const floats: NpyTypes = {
  allowed: ['F16', 'F32', 'F64'],
  expected: "descr '<f2', '<f4' or '<f8'",
  remedy: "save it as float32: np.save(file, logits.astype('<f4'))",
};

/** Whether a file begins as an `.npy` file does. */
export function isNpy(source: ByteSource): boolean {
  return source.length >= 6 && String.fromCharCode(...readRange(source, 0, 6)) === '\x93NUMPY';
}

/**
 * Reads the header of an `.npy` file: a Python dictionary of three entries, which is parsed and
 * never evaluated.
 * @param caller Start of messages: the file's name.
 * @param types Little-endian floats by default.
 * @throws RangeError that names the file and the field; also for other types, among them those of
 * Python objects, which are pickled.
 * Source: numpy.lib.format, versions 1.0 to 3.0.
 */
export function readNpyHeader(
  source: ByteSource,
  caller: string,
  types: NpyTypes = floats,
): NpyArray {
  ensure(
    isNpy(source) && source.length >= 12,
    caller,
    'an .npy file',
    `${source.length} bytes of something else`,
  );
  const [major] = readRange(source, 6, 7) as unknown as [number];
  ensure(major >= 1 && major <= 3, caller, 'version 1, 2 or 3 of the format', major);
  const view = new DataView(readRange(source, 8, 12).buffer);
  const [start, length] =
    major === 1 ? [10, view.getUint16(0, true)] : [12, view.getUint32(0, true)];
  ensure(length <= headerLimit, caller, `a header of at most ${headerLimit} bytes`, length);
  const begin = start + length;
  ensure(
    begin <= source.length,
    caller,
    `a header of ${length} bytes`,
    source.length - start,
    'the file is cut short',
  );
  const {
    descr,
    fortran_order: order,
    shape: sides,
  } = parseEntries(new TextDecoder().decode(readRange(source, start, begin)), caller);

  const type = /^'([<=|>]?)(\w+)'$/.exec(descr ?? '');
  const dtype = Object.hasOwn(dtypes, type?.[2] ?? '') ? dtypes[type?.[2] as string] : undefined;
  ensure(
    dtype !== undefined && types.allowed.includes(dtype) && type?.[1] !== '>',
    caller,
    types.expected,
    descr,
    types.remedy,
  );
  ensure(order === 'True' || order === 'False', caller, 'fortran_order True or False', order);
  ensure(/^\([\d, ]*\)$/.test(sides ?? ''), caller, 'a shape of whole numbers', sides);
  const shape = Array.from((sides as string).matchAll(/\d+/g), ([digits]) => Number(digits));
  ensure(shape.every(Number.isSafeInteger), caller, 'a shape of whole numbers', sides);
  return { dtype: dtype as SafetensorsDtype, shape, fortranOrder: order === 'True', begin };
}

/**
 * Parses `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 5), }` to the text of each value.
 */
function parseEntries(text: string, caller: string): Record<string, string> {
  const header = /^\{(.*)\}\s*$/.exec(text);
  ensure(header !== null, caller, 'a header in braces', JSON.stringify(text.slice(0, 20)));
  const entry = /\s*'(\w+)'\s*:\s*('[^'\\]*'|True|False|\([^()]*\))\s*(?:,|$)\s*/y;
  const body = header[1] as string;
  const entries: [string, string][] = [];
  while (entry.lastIndex < body.length) {
    const match = entry.exec(body);
    ensure(
      match !== null && entries.length < 3,
      caller,
      "a header of 'descr', 'fortran_order' and 'shape'",
      JSON.stringify(body.slice(0, 80)),
    );
    entries.push([match[1] as string, match[2] as string]);
  }
  return Object.fromEntries(entries);
}
