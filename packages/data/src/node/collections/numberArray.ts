import { ensure } from '@kd/core';
import { byteSource, bytesPerElement, type NpyTypes, readNpyHeader, toFloat32 } from '@kd/files';
import type { ByteAccess } from './byteAccess.ts';

/** Types of the numbers of an array. */
export type NumberType =
  | 'U8'
  | 'U16'
  | 'U32'
  | 'U64'
  | 'I8'
  | 'I16'
  | 'I32'
  | 'I64'
  | 'BOOL'
  | 'F16'
  | 'F32'
  | 'F64';

/** An array in a file, in row-major order, that is read in parts. */
export interface NumberArray {
  /** Name for messages: `medmnist.npz: train_images`. */
  readonly caller: string;
  readonly type: NumberType;
  readonly shape: readonly number[];
  /** Reads the numbers from position `from` to `to` of the flattened array, as stored. */
  read(from: number, to: number): Promise<Uint8Array>;
}

const npyTypes: NpyTypes = {
  allowed: ['U8', 'U16', 'U32', 'U64', 'I8', 'I16', 'I32', 'I64', 'BOOL', 'F16', 'F32', 'F64'],
  expected: "numbers, little-endian (descr '|u1', '<i8', '<f4' …)",
  remedy:
    "Python objects, text and big-endian numbers are not read: save images as uint8 and labels as '<i8' (text: np.unique(labels, return_inverse=True)[1])",
};

/** Bytes in which the header of an array lies. */
const headerBytes = 2 ** 17;
/** Largest array that is turned from column-major order. */
const largestTurned = 2 ** 28;

/**
 * Opens an array of numpy's format.
 * @throws RangeError that names the file and the array if it is cut short, has another type, or is
 * large and in column-major order.
 */
export async function openNpy(access: ByteAccess, caller: string): Promise<NumberArray> {
  const head = await access.read(0, Math.min(headerBytes, access.length));
  const source = {
    length: access.length,
    fill: (target: Uint8Array, start: number) =>
      target.set(head.subarray(start, start + target.length)),
  };
  const { dtype, shape, fortranOrder, begin } = readNpyHeader(source, caller, npyTypes);
  const width = bytesPerElement(dtype);
  const count = shape.reduce((product, side) => product * side, 1);
  const bytes = count * width;
  ensure(
    begin + bytes === access.length,
    caller,
    `${bytes} bytes of numbers (${dtype} [${shape.join(', ')}])`,
    access.length - begin,
    'the file is cut short or damaged: get it again',
  );
  const array: NumberArray = {
    caller,
    type: dtype as NumberType,
    shape,
    read: (from, to) => access.read(begin + from * width, begin + to * width),
  };
  const isTurned = fortranOrder && shape.filter((side) => side !== 1).length > 1;
  return isTurned ? turn(array, count, width) : array;
}

/** Turns an array in column-major order, which is held in memory then. */
function turn(array: NumberArray, count: number, width: number): NumberArray {
  const { caller, shape } = array;
  ensure(
    count * width <= largestTurned,
    caller,
    `an array in row-major order, or at most ${largestTurned} bytes`,
    `${count * width} in column-major order`,
    'save np.ascontiguousarray(array)',
  );
  let turned: Promise<Uint8Array> | undefined;
  const load = async (): Promise<Uint8Array> => {
    const stored = await array.read(0, count);
    const bytes = new Uint8Array(count * width);
    const position = shape.map(() => 0);
    for (let at = 0; at < count; at++) {
      let target = 0;
      for (let axis = 0; axis < shape.length; axis++)
        target = target * (shape[axis] as number) + (position[axis] as number);
      for (let byte = 0; byte < width; byte++)
        bytes[target * width + byte] = stored[at * width + byte] as number;
      for (let axis = 0; axis < shape.length; axis++) {
        position[axis] = (position[axis] as number) + 1;
        if ((position[axis] as number) < (shape[axis] as number)) break;
        position[axis] = 0;
      }
    }
    return bytes;
  };
  return {
    ...array,
    async read(from, to) {
      turned ??= load();
      return (await turned).subarray(from * width, to * width);
    },
  };
}

/** numpy's names of the types, for messages. */
export const numpyNames: Readonly<Record<NumberType, string>> = {
  U8: 'uint8',
  U16: 'uint16',
  U32: 'uint32',
  U64: 'uint64',
  I8: 'int8',
  I16: 'int16',
  I32: 'int32',
  I64: 'int64',
  BOOL: 'bool',
  F16: 'float16',
  F32: 'float32',
  F64: 'float64',
};

/** Converts stored numbers. Those of 64 bits are exact up to 2⁵³. */
export function toNumbers(bytes: Uint8Array, type: NumberType): Float64Array | Float32Array {
  if (type === 'F16') return toFloat32(byteSource(bytes), type, 0, bytes.length / 2);
  const numbers = new Float64Array(bytes.length / bytesPerElement(type));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = readers[type];
  for (let at = 0; at < numbers.length; at++) numbers[at] = read(view, at);
  return numbers;
}

const readers: Readonly<
  Record<Exclude<NumberType, 'F16'>, (view: DataView, at: number) => number>
> = {
  U8: (view, at) => view.getUint8(at),
  U16: (view, at) => view.getUint16(2 * at, true),
  U32: (view, at) => view.getUint32(4 * at, true),
  U64: (view, at) => Number(view.getBigUint64(8 * at, true)),
  I8: (view, at) => view.getInt8(at),
  I16: (view, at) => view.getInt16(2 * at, true),
  I32: (view, at) => view.getInt32(4 * at, true),
  I64: (view, at) => Number(view.getBigInt64(8 * at, true)),
  BOOL: (view, at) => Number(view.getUint8(at) !== 0),
  F32: (view, at) => view.getFloat32(4 * at, true),
  F64: (view, at) => view.getFloat64(8 * at, true),
};
