import { ensure, unexpected } from '@kd/core';
import { cursor } from './cursor.ts';
import { build, PickledGlobal, reduced } from './numpy.ts';

const mark = Symbol('mark');

/**
 * Reads a Python pickle of plain data: what Python 2's protocol 2 writes for dicts, lists, tuples, whole numbers, strings and numpy uint8 arrays.
 * Python strings come out as Uint8Array (dict keys as text), dicts as Map, lists and tuples as arrays. A pickle can name any function to be called;
 * here every name but numpy's array makers is refused, and those are recognised, not called.
 * @param where For messages: the file's name.
 * @throws RangeError at the first opcode, name or length that is not of these.
 */
export function readPickle(bytes: Uint8Array, where: string): unknown {
  const from = cursor(bytes, where);
  const stack: unknown[] = [];
  const memo = new Map<number, unknown>();
  const pop = (): unknown => {
    ensure(stack.length > 0, where, 'a pickle with something on its stack', `none at byte ${from.at()}`);
    return stack.pop();
  };
  const peek = (): unknown => {
    const value = pop();
    stack.push(value);
    return value;
  };
  const sinceMark = (): unknown[] => {
    const start = stack.lastIndexOf(mark);
    ensure(start >= 0, where, 'a pickle with a mark on its stack', `none at byte ${from.at()}`);
    const values = stack.splice(start);
    values.shift();
    return values;
  };
  const append = (values: unknown[]): void => {
    const list = peek();
    ensure(Array.isArray(list), where, 'a list to append to', 'something else');
    for (const value of values) list.push(value);
  };
  const setItems = (pairs: unknown[]): void => {
    const dict = peek();
    ensure(dict instanceof Map && pairs.length % 2 === 0, where, 'a dict and pairs to put into it', 'something else');
    for (let at = 0; at < pairs.length; at += 2) dict.set(keyOf(pairs[at], where), pairs[at + 1]);
  };
  const tuple = (length: number): void => {
    ensure(stack.length >= length, where, 'a pickle with enough on its stack', `${stack.length} at byte ${from.at()}`);
    stack.push(stack.splice(stack.length - length));
  };
  const recall = (key: number): void => {
    ensure(memo.has(key), where, 'a pickle that recalls what it has stored', `entry ${key}`);
    stack.push(memo.get(key));
  };

  const steps: Readonly<Record<number, () => void>> = {
    128: () => {
      const protocol = from.byte();
      ensure(protocol <= 2, where, 'a pickle of protocol 0–2', protocol);
    },
    [code('(')]: () => stack.push(mark),
    [code('}')]: () => stack.push(new Map()),
    [code(']')]: () => stack.push([]),
    [code(')')]: () => stack.push([]),
    [code('N')]: () => stack.push(null),
    136: () => stack.push(true),
    137: () => stack.push(false),
    [code('K')]: () => stack.push(from.byte()),
    [code('M')]: () => stack.push(from.unsigned16()),
    [code('J')]: () => stack.push(from.signed32()),
    [code('U')]: () => stack.push(from.take(from.byte())),
    [code('T')]: () => stack.push(from.take(from.signed32())),
    [code('X')]: () => stack.push(new TextDecoder().decode(from.take(from.unsigned32()))),
    [code('q')]: () => memo.set(from.byte(), peek()),
    [code('r')]: () => memo.set(from.unsigned32(), peek()),
    [code('h')]: () => recall(from.byte()),
    [code('j')]: () => recall(from.unsigned32()),
    [code('c')]: () => stack.push(new PickledGlobal(`${from.line()} ${from.line()}`, where)),
    [code('t')]: () => stack.push(sinceMark()),
    133: () => tuple(1),
    134: () => tuple(2),
    135: () => tuple(3),
    [code('a')]: () => {
      const value = pop();
      append([value]);
    },
    [code('e')]: () => append(sinceMark()),
    [code('s')]: () => {
      const value = pop();
      setItems([pop(), value]);
    },
    [code('u')]: () => setItems(sinceMark()),
    [code('R')]: () => {
      const parameters = pop();
      stack.push(reduced(pop(), parameters, where));
    },
    [code('b')]: () => {
      const state = pop();
      build(peek(), state, where);
    },
  };

  for (let opcode = from.byte(); opcode !== code('.'); opcode = from.byte()) {
    const step = steps[opcode];
    if (step === undefined) {
      throw unexpected(where, 'a pickle of plain data', `the opcode ${nameOf(opcode)} at byte ${from.at() - 1}`, 'it is refused, nothing was run');
    }
    step();
  }
  return pop();
}

function code(letter: string): number {
  return letter.charCodeAt(0);
}

function nameOf(opcode: number): string {
  return opcode > 32 && opcode < 127 ? `'${String.fromCharCode(opcode)}'` : `0x${opcode.toString(16).padStart(2, '0')}`;
}

function keyOf(value: unknown, where: string): string {
  if (value instanceof Uint8Array) return new TextDecoder('latin1').decode(value);
  ensure(typeof value === 'string', where, 'dict keys to be strings', 'another kind');
  return value;
}
