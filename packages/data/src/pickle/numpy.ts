import { ensure } from '@kd/core';

/**
 * What a pickle may name: the makers of numpy arrays, and nothing else. Naming one calls nothing;
 * they are only recognised.
 */
const allowed = [
  'numpy.core.multiarray._reconstruct',
  'numpy._core.multiarray._reconstruct',
  'numpy.ndarray',
  'numpy.dtype',
];

/** A global of a pickle, by name. */
export class PickledGlobal {
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

/** A numpy type; only `u1` is read. */
export class PickledType {
  readonly code: string;
  constructor(code: string) {
    this.code = code;
  }
}

/** A numpy array of bytes, row by row. */
export class PickledArray {
  shape: readonly number[] = [0];
  bytes = new Uint8Array(0);
}

/** `REDUCE`: what a global gives for its arguments. */
export function reduced(
  global: unknown,
  parameters: unknown,
  caller: string,
): PickledType | PickledArray {
  ensure(
    global instanceof PickledGlobal && Array.isArray(parameters),
    caller,
    'a numpy maker and its arguments',
    'something else',
  );
  if (global.name === 'numpy.dtype') return new PickledType(textOf(parameters[0], caller));
  const [made] = parameters;
  const makesArray =
    global.name.endsWith('._reconstruct') &&
    made instanceof PickledGlobal &&
    made.name === 'numpy.ndarray';
  ensure(makesArray, caller, 'a numpy array to be made', `a call of ${global.name}`);
  return new PickledArray();
}

/**
 * `BUILD`: fills what `reduced` made. The state of an array is (version, shape, type, column by
 * column?, bytes).
 */
export function build(target: unknown, state: unknown, caller: string): void {
  if (target instanceof PickledType) return;
  ensure(
    target instanceof PickledArray && Array.isArray(state) && state.length === 5,
    caller,
    'the state of a numpy array',
    'something else',
  );
  const [, shape, type, byColumns, bytes] = state as unknown[];
  ensure(type instanceof PickledType, caller, 'a numpy type', 'something else');
  ensure(type.code === 'u1', caller, 'a numpy array of uint8', `one of ${type.code}`);
  ensure(
    Array.isArray(shape) && shape.every((side) => Number.isInteger(side) && side >= 0),
    caller,
    'an array shape of whole numbers',
    'something else',
  );
  ensure(
    byColumns === false || byColumns === 0,
    caller,
    'an array stored row by row',
    'one stored by columns',
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

function textOf(value: unknown, caller: string): string {
  if (typeof value === 'string') return value;
  ensure(value instanceof Uint8Array, caller, 'the name of a numpy type', 'something else');
  return String.fromCharCode(...value.subarray(0, 16));
}
