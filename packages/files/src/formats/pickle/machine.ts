import { ensure, expectedError } from '@kd/core';
import { type ByteSource, readRange } from '../../source.ts';

/**
 * Meaning of the names in a pickle. A pickle can name any function to be called; the unpickler
 * imports nothing and calls nothing but these.
 */
export interface UnpicklerHost {
  /**
   * Returns the value of a name, `torch.FloatStorage`, as Python's `find_class` does.
   * @throws RangeError if the name is refused.
   */
  findClass(name: string): unknown;
  /**
   * Returns the result of a call.
   * @param callee A value of `findClass`. @param args An array, or the pickle is wrong.
   */
  call(callee: unknown, args: unknown): unknown;
  /** Sets the state of an object that `call` returned, or of a dict or list. */
  build(target: unknown, state: unknown): void;
  /** Returns what is stored outside of the pickle under this id, as Python's `persistent_load`. */
  persistentLoad?(id: unknown): unknown;
}

/**
 * An object whose class is not known here: the pickle's data are stored, and nothing is called.
 */
export class PickledObject {
  /** Name of the class or function: `argparse.Namespace`. */
  readonly callee: string;
  readonly args: readonly unknown[];
  /** State as in the pickle, mostly a Map of attributes. */
  state: unknown;
  /** Items that were set by key, if it is a kind of dict. */
  readonly items = new Map<unknown, unknown>();

  constructor(callee: string, args: readonly unknown[]) {
    this.callee = callee;
    this.args = args;
  }
}

/**
 * Largest number of dicts, lists, tuples, sets and objects in one pickle: 60,000 tensors with their
 * optimizer state have fewer, and they fit into memory.
 */
const objectLimit = 1_000_000;

const mark = Symbol('mark');

/** State of the unpickler: the stack and the memo that opcodes work on. */
export interface Machine {
  readonly cursor: Cursor;
  readonly caller: string;
  push(value: unknown): void;
  /** Pushes a new container or object; there may not be too many. */
  pushNew(value: unknown): void;
  pop(): unknown;
  peek(): unknown;
  setMark(): void;
  /** Pops the values above the last mark, in order, and the mark. */
  popMark(): unknown[];
  /** Pops the last values, in order. */
  popSeveral(count: number): unknown[];
  /** Stores the top of the stack in the memo. @param key Default: the next free number. */
  store(key?: number): void;
  /** Pushes a value of the memo. */
  recall(key: number): void;
  /** Adds to the list or set on top of the stack. */
  append(values: readonly unknown[]): void;
  /** Sets items of the dict on top of the stack: keys and values, in turn. */
  setItems(pairs: readonly unknown[]): void;
}

/** Creates an unpickler state with an empty stack. */
export function createMachine(cursor: Cursor, caller: string): Machine {
  const stack: unknown[] = [];
  const memo = new Map<number, unknown>();
  let objects = 0;
  const popSeveral = (count: number): unknown[] => {
    ensure(
      stack.length >= count && !stack.includes(mark, stack.length - count),
      caller,
      `a pickle with ${count} on its stack`,
      `fewer at byte ${cursor.position()}`,
    );
    return stack.splice(stack.length - count);
  };
  const peek = (): unknown => {
    ensure(
      stack.length > 0 && stack.at(-1) !== mark,
      caller,
      'a pickle with something on its stack',
      `none at byte ${cursor.position()}`,
    );
    return stack.at(-1);
  };
  const pop = (): unknown => {
    peek();
    return stack.pop();
  };
  return {
    cursor,
    caller,
    push: (value) => stack.push(value),
    pushNew(value) {
      objects++;
      ensure(
        objects <= objectLimit,
        caller,
        `at most ${objectLimit} objects in a pickle`,
        'more',
        'it is refused, nothing was run',
      );
      stack.push(value);
    },
    pop,
    peek,
    setMark: () => stack.push(mark),
    popMark() {
      const start = stack.lastIndexOf(mark);
      ensure(
        start >= 0,
        caller,
        'a pickle with a mark on its stack',
        `none at byte ${cursor.position()}`,
      );
      const values = stack.splice(start);
      values.shift();
      return values;
    },
    popSeveral,
    store: (key = memo.size) => memo.set(key, peek()),
    recall(key) {
      ensure(memo.has(key), caller, 'a pickle that recalls what it has stored', `entry ${key}`);
      stack.push(memo.get(key));
    },
    append(values) {
      const target = peek();
      if (Array.isArray(target)) for (const value of values) target.push(value);
      else if (target instanceof Set) for (const value of values) target.add(value);
      else ensure(target instanceof PickledObject, caller, 'a list to append to', 'something else');
    },
    setItems(pairs) {
      const target = peek();
      const dict = target instanceof PickledObject ? target.items : target;
      ensure(
        dict instanceof Map && pairs.length % 2 === 0,
        caller,
        'a dict and pairs to put into it',
        'something else',
      );
      for (let at = 0; at < pairs.length; at += 2) dict.set(decodeKey(pairs[at]), pairs[at + 1]);
    },
  };
}

/**
 * Decodes a dict key: strings of Python 2 are bytes, and Python 3 reads them as text. Long ones are
 * no names and stay bytes, since one in the memo could be decoded again for every item.
 */
function decodeKey(value: unknown): unknown {
  return value instanceof Uint8Array && value.length <= 1024
    ? new TextDecoder('latin1').decode(value)
    : value;
}

/** Reads little-endian values one after the other, never beyond the end. */
export interface Cursor {
  /** Position of the next byte. */
  position(): number;
  byte(): number;
  unsigned16(): number;
  unsigned32(): number;
  /** @throws RangeError above 2⁵³ − 1, more than any file has. */
  unsigned64(): number;
  signed32(): number;
  /** Reads a big-endian 64-bit float, as pickles store it. */
  float64(): number;
  /** Reads a number of bytes. @returns A copy. */
  take(length: number): Uint8Array<ArrayBuffer>;
  /** Reads text of that many bytes. @throws RangeError if it is not UTF-8. */
  text(length: number): string;
  /** Reads text of at most 256 bytes up to a line feed, which is skipped. */
  line(): string;
}

const blockLength = 1 << 16;

/** Creates a cursor. @param start Position of the first byte to read. */
export function createCursor(source: ByteSource, caller: string, start = 0): Cursor {
  let next = start;
  let block = new DataView(new ArrayBuffer(0));
  let blockStart = start;
  /** Moves forward. */
  const advance = (length: number): void => {
    ensure(
      length >= 0 && next + length <= source.length,
      caller,
      `${length} bytes at byte ${next}`,
      source.length - next,
      'the file is cut short',
    );
    next += length;
  };
  /** Moves over a few bytes. @param use Reads them from the block, where they begin at `at`. */
  const read = <Value>(length: number, use: (at: number) => Value): Value => {
    advance(length);
    const first = next - length;
    if (next > blockStart + block.byteLength) {
      block = new DataView(
        readRange(source, first, Math.min(source.length, first + blockLength)).buffer,
      );
      blockStart = first;
    }
    return use(first - blockStart);
  };
  const take = (length: number): Uint8Array<ArrayBuffer> => {
    if (length >= 0 && length <= blockLength)
      return read(length, (at) =>
        new Uint8Array(block.buffer as ArrayBuffer).slice(at, at + length),
      );
    advance(length);
    return readRange(source, next - length, next);
  };
  const byte = () => read(1, (at) => block.getUint8(at));
  return {
    position: () => next,
    byte,
    unsigned16: () => read(2, (at) => block.getUint16(at, true)),
    unsigned32: () => read(4, (at) => block.getUint32(at, true)),
    unsigned64: () => {
      const value = Number(read(8, (at) => block.getBigUint64(at, true)));
      ensure(
        Number.isSafeInteger(value),
        caller,
        'lengths within the file',
        value,
        'the file is damaged',
      );
      return value;
    },
    signed32: () => read(4, (at) => block.getInt32(at, true)),
    float64: () => read(8, (at) => block.getFloat64(at, false)),
    take,
    text(length) {
      const bytes = take(length);
      try {
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
      } catch (cause) {
        throw Object.assign(
          expectedError(
            caller,
            `text in UTF-8 at byte ${next - length}`,
            'other bytes',
            'the file is damaged',
          ),
          { cause },
        );
      }
    },
    line() {
      const codes: number[] = [];
      for (;;) {
        ensure(
          next < source.length && codes.length <= 256,
          caller,
          'a short name that ends with its line',
          'none',
          'the file is cut short',
        );
        const code = byte();
        if (code === 10) return String.fromCharCode(...codes);
        codes.push(code);
      }
    },
  };
}
