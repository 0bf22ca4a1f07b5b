import { expectedError } from '@kd/core';
import type { ByteSource } from '../../source.ts';
import { createCursor, createMachine, type UnpicklerHost } from './machine.ts';
import { opcodes } from './opcodes.ts';

/** Largest number of opcodes: the largest checkpoints have some hundred thousand. */
const opcodeLimit = 4_000_000;

const stop = 0x2e;

/**
 * Unpickles a Python pickle of protocol 2–5 without running any of its code. Dicts become Map,
 * lists
 * and tuples arrays, sets Set, bytes and the strings of Python 2 Uint8Array (text as dict keys),
 * integers beyond 2⁵³ bigint. Memory is bounded by the length of the file and by counts.
 * @param caller Start of messages: the file's name. @param start Position of the pickle.
 * @returns The value, and the position after the pickle.
 * @throws RangeError at the first opcode, name or length that is refused.
 */
export function unpickle(
  source: ByteSource,
  caller: string,
  host: UnpicklerHost,
  start = 0,
): { value: unknown; end: number } {
  const cursor = createCursor(source, caller, start);
  const machine = createMachine(cursor, caller);
  let count = 0;
  for (let opcode = cursor.byte(); opcode !== stop; opcode = cursor.byte()) {
    const run = opcodes[opcode];
    count++;
    if (run === undefined || count > opcodeLimit) {
      const got =
        run === undefined
          ? `the opcode ${showOpcode(opcode)} at byte ${cursor.position() - 1}`
          : `more than ${opcodeLimit} opcodes`;
      throw expectedError(caller, 'a pickle of data', got, 'it is refused, nothing was run');
    }
    run(machine, host);
  }
  return { value: machine.pop(), end: cursor.position() };
}

function showOpcode(opcode: number): string {
  return opcode > 32 && opcode < 127
    ? `'${String.fromCharCode(opcode)}'`
    : `0x${opcode.toString(16).padStart(2, '0')}`;
}
