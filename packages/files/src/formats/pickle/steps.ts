import { ensure, expectedError } from '@kd/core';
import type { UnpicklerHost } from './host.ts';
import type { Machine } from './machine.ts';

type Step = (on: Machine, host: UnpicklerHost) => void;

/**
 * Opcode → what it does; after the comments of Python's `pickletools`. Those of protocols 0 and 1
 * that write numbers as text are left out.
 */
export const steps: Readonly<Record<number, Step>> = {
  // Whole pickle
  128: ({ from, where: caller }) => {
    const protocol = from.byte();
    ensure(protocol <= 5, caller, 'a pickle of protocol 2–5', protocol);
  },
  149: ({ from }) => from.unsigned64(),

  // Numbers and constants
  [code('N')]: (on) => on.push(null),
  136: (on) => on.push(true),
  137: (on) => on.push(false),
  [code('K')]: (on) => on.push(on.from.byte()),
  [code('M')]: (on) => on.push(on.from.unsigned16()),
  [code('J')]: (on) => on.push(on.from.signed32()),
  [code('G')]: (on) => on.push(on.from.float64()),
  138: (on) => on.push(wholeNumber(on.from.take(on.from.byte()))),
  139: (on) => {
    const length = on.from.signed32();
    ensure(length >= 0 && length <= 1024, on.where, 'a whole number of at most 1024 bytes', length);
    on.push(wholeNumber(on.from.take(length)));
  },

  // Text and bytes
  [code('U')]: (on) => on.push(on.from.take(on.from.byte())),
  [code('T')]: (on) => on.push(on.from.take(on.from.signed32())),
  [code('X')]: (on) => on.push(on.from.text(on.from.unsigned32())),
  140: (on) => on.push(on.from.text(on.from.byte())),
  141: (on) => on.push(on.from.text(on.from.unsigned64())),
  [code('C')]: (on) => on.push(on.from.take(on.from.byte())),
  [code('B')]: (on) => on.push(on.from.take(on.from.unsigned32())),
  142: (on) => on.push(on.from.take(on.from.unsigned64())),
  150: (on) => on.push(on.from.take(on.from.unsigned64())),

  // Dicts, lists, tuples, sets
  [code('(')]: (on) => on.setMark(),
  [code('}')]: (on) => on.pushNew(new Map()),
  [code(']')]: (on) => on.pushNew([]),
  [code(')')]: (on) => on.pushNew([]),
  143: (on) => on.pushNew(new Set()),
  145: (on) => on.pushNew(new Set(on.sinceMark())),
  [code('t')]: (on) => on.pushNew(on.sinceMark()),
  [code('l')]: (on) => on.pushNew(on.sinceMark()),
  133: (on) => on.pushNew(on.popSeveral(1)),
  134: (on) => on.pushNew(on.popSeveral(2)),
  135: (on) => on.pushNew(on.popSeveral(3)),
  [code('d')]: (on) => {
    const pairs = on.sinceMark();
    on.pushNew(new Map());
    on.setItems(pairs);
  },
  [code('a')]: (on) => on.append(on.popSeveral(1)),
  [code('e')]: (on) => on.append(on.sinceMark()),
  144: (on) => on.append(on.sinceMark()),
  [code('s')]: (on) => on.setItems(on.popSeveral(2)),
  [code('u')]: (on) => on.setItems(on.sinceMark()),

  // Stack and memo
  [code('0')]: (on) => {
    on.pop();
  },
  [code('1')]: (on) => {
    on.sinceMark();
  },
  [code('2')]: (on) => on.push(on.peek()),
  [code('q')]: (on) => on.store(on.from.byte()),
  [code('r')]: (on) => on.store(on.from.unsigned32()),
  148: (on) => on.store(),
  [code('h')]: (on) => on.recall(on.from.byte()),
  [code('j')]: (on) => on.recall(on.from.unsigned32()),

  // Names and calls
  [code('c')]: (on, host) => on.push(host.global(`${on.from.line()}.${on.from.line()}`)),
  147: (on, host) => {
    const names = on.popSeveral(2);
    const fits = names.every((name) => typeof name === 'string' && name.length <= 256);
    ensure(fits, on.where, 'a name in text, at most 256 characters', 'something else');
    on.push(host.global(names.join('.')));
  },
  [code('R')]: called,
  129: called,
  // Arguments given by name are passed over: nothing that is known here takes any.
  146: (on, host) => {
    const [callee, parameters] = on.popSeveral(3);
    on.pushNew(host.call(callee, parameters));
  },
  [code('i')]: (on, host) => {
    const callee = host.global(`${on.from.line()}.${on.from.line()}`);
    on.pushNew(host.call(callee, on.sinceMark()));
  },
  [code('o')]: (on, host) => {
    const [callee, ...parameters] = on.sinceMark();
    on.pushNew(host.call(callee, parameters));
  },
  [code('b')]: (on, host) => {
    const state = on.pop();
    host.build(on.peek(), state);
  },
  [code('Q')]: (on, host) => {
    const id = on.pop();
    if (host.persistent === undefined)
      throw expectedError(
        on.where,
        'a pickle that holds all it needs',
        'an id of something outside of it',
      );
    on.pushNew(host.persistent(id));
  },
};

function called(on: Machine, host: UnpicklerHost): void {
  const [callee, parameters] = on.popSeveral(2);
  on.pushNew(host.call(callee, parameters));
}

function code(letter: string): number {
  return letter.charCodeAt(0);
}

/** Two's complement, low byte first. */
function wholeNumber(bytes: Uint8Array): number | bigint {
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).reverse();
  const value = BigInt.asIntN(8 * bytes.length, BigInt(`0x0${digits.join('')}`));
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
