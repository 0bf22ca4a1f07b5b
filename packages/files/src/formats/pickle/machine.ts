import { ensure } from '@kd/core';
import type { Cursor } from './cursor.ts';
import { PickledObject } from './pickledObject.ts';

/**
 * Dicts, lists, tuples, sets and objects that one pickle may make: 60,000 tensors with their
 * optimizer's have fewer, and memory can hold them.
 */
const objectLimit = 1_000_000;

const mark = Symbol('mark');

/** The stack and the memo that the opcodes of a pickle work on. */
export interface Machine {
  readonly from: Cursor;
  readonly where: string;
  push(value: unknown): void;
  /** Pushes something new that holds others; there may not be too many. */
  pushNew(value: unknown): void;
  pop(): unknown;
  peek(): unknown;
  setMark(): void;
  /** What lies above the last mark, in order; mark and values are taken off. */
  sinceMark(): unknown[];
  /** The last values, in order, taken off. */
  popSeveral(count: number): unknown[];
  /** @param key Its next free number where there is none. */
  store(key?: number): void;
  recall(key: number): void;
  /** Adds to the list or set that lies on top. */
  append(values: readonly unknown[]): void;
  /** Puts keys and values, in turn, into the dict on top. */
  setItems(pairs: readonly unknown[]): void;
}

export function machine(from: Cursor, caller: string): Machine {
  const stack: unknown[] = [];
  const memo = new Map<number, unknown>();
  let objects = 0;
  const popSeveral = (count: number): unknown[] => {
    ensure(
      stack.length >= count && !stack.includes(mark, stack.length - count),
      caller,
      `a pickle with ${count} on its stack`,
      `fewer at byte ${from.at()}`,
    );
    return stack.splice(stack.length - count);
  };
  const peek = (): unknown => {
    ensure(
      stack.length > 0 && stack.at(-1) !== mark,
      caller,
      'a pickle with something on its stack',
      `none at byte ${from.at()}`,
    );
    return stack.at(-1);
  };
  const pop = (): unknown => {
    peek();
    return stack.pop();
  };
  return {
    from,
    where: caller,
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
    sinceMark() {
      const start = stack.lastIndexOf(mark);
      ensure(start >= 0, caller, 'a pickle with a mark on its stack', `none at byte ${from.at()}`);
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
      for (let at = 0; at < pairs.length; at += 2) dict.set(keyOf(pairs[at]), pairs[at + 1]);
    },
  };
}

/**
 * Strings of Python 2 are bytes; as keys they are the text that Python 3 makes of them. Long ones
 * are no names: one that is stored could be asked for at every item.
 */
function keyOf(value: unknown): unknown {
  return value instanceof Uint8Array && value.length <= 1024
    ? new TextDecoder('latin1').decode(value)
    : value;
}
