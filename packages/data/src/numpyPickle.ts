/** Numpy arrays in a Python pickle, as CIFAR's Python archive has them. */
import { ensure } from '@kd/core';
import { byteSource } from '@kd/files';
import { type UnpicklerHost, unpickle } from '@kd/files/pickle';

/**
 * Reads a Python pickle of plain data: dicts, lists, tuples, numbers, strings and numpy uint8
 * arrays. A pickle can name any function to be called; here every name but numpy's array
 * constructors is refused, and those are recognized, not called.
 * @param caller Start of messages: the file's name.
 * @throws RangeError at the first opcode, name or length that is refused.
 */
export function readArrays(bytes: Uint8Array, caller: string): unknown {
  const host: UnpicklerHost = {
    findClass: (name) => new PickledGlobal(name, caller),
    call: (callee, args) => construct(callee, args, caller),
    build: (target, state) => setState(target, state, caller),
  };
  return unpickle(byteSource(bytes), caller, host).value;
}

/**
 * The names that a pickle may have: constructors of numpy arrays, and what Python 3 writes for
 * bytes in protocols before 3. They are recognized, never called.
 */
const allowed = [
  '_codecs.encode',
  'numpy.core.numeric._frombuffer',
  'numpy._core.numeric._frombuffer',
  'numpy.core.multiarray._reconstruct',
  'numpy._core.multiarray._reconstruct',
  'numpy.ndarray',
  'numpy.dtype',
];

/** An allowed name. */
class PickledGlobal {
  readonly name: string;
  constructor(name: string, caller: string) {
    ensure(
      allowed.includes(name),
      caller,
      'plain data: dicts, lists, numbers, strings and numpy uint8 arrays',
      `the global '${name}'`,
      'it is refused, nothing was run',
    );
    this.name = name;
  }
}

/** A numpy type; only `u1` is supported. */
class PickledType {
  readonly code: string;
  constructor(code: string) {
    this.code = code;
  }
}

/** A numpy array of bytes in row-major order. */
export class PickledArray {
  shape: readonly number[] = [0];
  bytes = new Uint8Array(0);
}

/** Returns the result of a call (`REDUCE`). */
function construct(
  callee: unknown,
  args: unknown,
  caller: string,
): PickledType | PickledArray | Uint8Array {
  ensure(
    callee instanceof PickledGlobal && Array.isArray(args),
    caller,
    'a numpy constructor and its arguments',
    'something else',
  );
  if (callee.name === 'numpy.dtype') return new PickledType(readText(args[0], caller));
  if (callee.name === '_codecs.encode') return encodeLatin1(args, caller);
  if (callee.name.endsWith('._frombuffer')) return arrayFromBuffer(args, caller);
  const [type] = args;
  const isArray =
    callee.name.endsWith('._reconstruct') &&
    type instanceof PickledGlobal &&
    type.name === 'numpy.ndarray';
  ensure(isArray, caller, 'a numpy array to be constructed', `a call of ${callee.name}`);
  return new PickledArray();
}

/**
 * Sets the state of an object (`BUILD`). The state of an array is (version, shape, type, whether it
 * is column-major, bytes).
 */
function setState(target: unknown, state: unknown, caller: string): void {
  if (target instanceof PickledType) return;
  ensure(
    target instanceof PickledArray && Array.isArray(state) && state.length === 5,
    caller,
    'the state of a numpy array',
    'something else',
  );
  const [, shape, type, columnMajor, bytes] = state as unknown[];
  ensure(type instanceof PickledType, caller, 'a numpy type', 'something else');
  ensure(type.code === 'u1', caller, 'a numpy array of uint8', `one of ${type.code}`);
  ensure(
    Array.isArray(shape) && shape.every((side) => Number.isInteger(side) && side >= 0),
    caller,
    'an array shape of whole numbers',
    'something else',
  );
  ensure(
    columnMajor === false || columnMajor === 0,
    caller,
    'an array in row-major order',
    'one in column-major order',
  );
  ensure(bytes instanceof Uint8Array, caller, 'the bytes of an array', 'something else');
  const size = (shape as number[]).reduce((product, side) => product * side, 1);
  ensure(
    bytes.length === size,
    caller,
    `${size} bytes for an array of shape [${shape.join(', ')}]`,
    bytes.length,
  );
  target.shape = shape as number[];
  target.bytes = bytes as Uint8Array<ArrayBuffer>;
}

/** Bytes as the text of Python 3 for protocols before 3: `_codecs.encode(text, 'latin1')`. */
function encodeLatin1([text, encoding]: readonly unknown[], caller: string): Uint8Array {
  const isRight = typeof text === 'string' && (encoding === 'latin1' || encoding === 'latin-1');
  ensure(isRight, caller, 'bytes as text in latin1', 'another encoding');
  return Uint8Array.from(text as string, (letter) => letter.charCodeAt(0) & 255);
}

/** An array of protocol 5: `_frombuffer(bytes, type, shape, order)`. */
function arrayFromBuffer(args: readonly unknown[], caller: string): PickledArray {
  const [bytes, type, shape, order] = args;
  const array = new PickledArray();
  setState(array, [1, shape, type, order === 'F', bytes], caller);
  return array;
}

function readText(value: unknown, caller: string): string {
  if (typeof value === 'string') return value;
  ensure(value instanceof Uint8Array, caller, 'the name of a numpy type', 'something else');
  return String.fromCharCode(...value.subarray(0, 16));
}
