import { ensure, expectedError } from '@kd/core';
import type { Machine, UnpicklerHost } from './machine.ts';

/** Executes one opcode. */
type Opcode = (machine: Machine, host: UnpicklerHost) => void;

/**
 * Opcodes of protocols 2–5 by their byte, after the comments of Python's `pickletools`. Those of
 * protocols 0 and 1 that write numbers as text are left out.
 */
export const opcodes: Readonly<Record<number, Opcode>> = {
  // Whole pickle
  128: ({ cursor, caller }) => {
    const protocol = cursor.byte();
    ensure(protocol <= 5, caller, 'a pickle of protocol 2–5', protocol);
  },
  149: ({ cursor }) => cursor.unsigned64(),

  // Numbers and constants
  [code('N')]: (machine) => machine.push(null),
  136: (machine) => machine.push(true),
  137: (machine) => machine.push(false),
  [code('K')]: (machine) => machine.push(machine.cursor.byte()),
  [code('M')]: (machine) => machine.push(machine.cursor.unsigned16()),
  [code('J')]: (machine) => machine.push(machine.cursor.signed32()),
  [code('G')]: (machine) => machine.push(machine.cursor.float64()),
  138: (machine) => machine.push(decodeInteger(machine.cursor.take(machine.cursor.byte()))),
  139: (machine) => {
    const length = machine.cursor.signed32();
    ensure(
      length >= 0 && length <= 1024,
      machine.caller,
      'a whole number of at most 1024 bytes',
      length,
    );
    machine.push(decodeInteger(machine.cursor.take(length)));
  },

  // Text and bytes
  [code('U')]: (machine) => machine.push(machine.cursor.take(machine.cursor.byte())),
  [code('T')]: (machine) => machine.push(machine.cursor.take(machine.cursor.signed32())),
  [code('X')]: (machine) => machine.push(machine.cursor.text(machine.cursor.unsigned32())),
  140: (machine) => machine.push(machine.cursor.text(machine.cursor.byte())),
  141: (machine) => machine.push(machine.cursor.text(machine.cursor.unsigned64())),
  [code('C')]: (machine) => machine.push(machine.cursor.take(machine.cursor.byte())),
  [code('B')]: (machine) => machine.push(machine.cursor.take(machine.cursor.unsigned32())),
  142: (machine) => machine.push(machine.cursor.take(machine.cursor.unsigned64())),
  150: (machine) => machine.push(machine.cursor.take(machine.cursor.unsigned64())),

  // Dicts, lists, tuples, sets
  [code('(')]: (machine) => machine.setMark(),
  [code('}')]: (machine) => machine.pushNew(new Map()),
  [code(']')]: (machine) => machine.pushNew([]),
  [code(')')]: (machine) => machine.pushNew([]),
  143: (machine) => machine.pushNew(new Set()),
  145: (machine) => machine.pushNew(new Set(machine.popMark())),
  [code('t')]: (machine) => machine.pushNew(machine.popMark()),
  [code('l')]: (machine) => machine.pushNew(machine.popMark()),
  133: (machine) => machine.pushNew(machine.popSeveral(1)),
  134: (machine) => machine.pushNew(machine.popSeveral(2)),
  135: (machine) => machine.pushNew(machine.popSeveral(3)),
  [code('d')]: (machine) => {
    const pairs = machine.popMark();
    machine.pushNew(new Map());
    machine.setItems(pairs);
  },
  [code('a')]: (machine) => machine.append(machine.popSeveral(1)),
  [code('e')]: (machine) => machine.append(machine.popMark()),
  144: (machine) => machine.append(machine.popMark()),
  [code('s')]: (machine) => machine.setItems(machine.popSeveral(2)),
  [code('u')]: (machine) => machine.setItems(machine.popMark()),

  // Stack and memo
  [code('0')]: (machine) => {
    machine.pop();
  },
  [code('1')]: (machine) => {
    machine.popMark();
  },
  [code('2')]: (machine) => machine.push(machine.peek()),
  [code('q')]: (machine) => machine.store(machine.cursor.byte()),
  [code('r')]: (machine) => machine.store(machine.cursor.unsigned32()),
  148: (machine) => machine.store(),
  [code('h')]: (machine) => machine.recall(machine.cursor.byte()),
  [code('j')]: (machine) => machine.recall(machine.cursor.unsigned32()),

  // Names and calls
  [code('c')]: (machine, host) =>
    machine.push(host.findClass(`${machine.cursor.line()}.${machine.cursor.line()}`)),
  147: (machine, host) => {
    const names = machine.popSeveral(2);
    const fits = names.every((name) => typeof name === 'string' && name.length <= 256);
    ensure(fits, machine.caller, 'a name in text, at most 256 characters', 'something else');
    machine.push(host.findClass(names.join('.')));
  },
  [code('R')]: call,
  129: call,
  // Keyword arguments are ignored: nothing that is known here takes any.
  146: (machine, host) => {
    const [callee, args] = machine.popSeveral(3);
    machine.pushNew(host.call(callee, args));
  },
  [code('i')]: (machine, host) => {
    const callee = host.findClass(`${machine.cursor.line()}.${machine.cursor.line()}`);
    machine.pushNew(host.call(callee, machine.popMark()));
  },
  [code('o')]: (machine, host) => {
    const [callee, ...args] = machine.popMark();
    machine.pushNew(host.call(callee, args));
  },
  [code('b')]: (machine, host) => {
    const state = machine.pop();
    host.build(machine.peek(), state);
  },
  [code('Q')]: (machine, host) => {
    const id = machine.pop();
    if (host.persistentLoad === undefined)
      throw expectedError(
        machine.caller,
        'a pickle that holds all it needs',
        'an id of something outside of it',
      );
    machine.pushNew(host.persistentLoad(id));
  },
};

function call(machine: Machine, host: UnpicklerHost): void {
  const [callee, args] = machine.popSeveral(2);
  machine.pushNew(host.call(callee, args));
}

function code(letter: string): number {
  return letter.charCodeAt(0);
}

/** Decodes a little-endian integer in two's complement. */
function decodeInteger(bytes: Uint8Array): number | bigint {
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).reverse();
  const value = BigInt.asIntN(8 * bytes.length, BigInt(`0x0${digits.join('')}`));
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
