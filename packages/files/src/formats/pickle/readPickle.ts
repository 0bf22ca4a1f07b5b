import { expectedError } from '@kd/core';
import type { ByteSource } from '../../byteSource.ts';
import { cursor } from './cursor.ts';
import type { UnpicklerHost } from './host.ts';
import { machine } from './machine.ts';
import { steps } from './steps.ts';

/** Opcodes that one pickle may have: the largest checkpoints have some hundred thousand. */
const opcodeLimit = 4_000_000;

const stop = 0x2e;

/**
 * Reads a Python pickle of protocol 2–5 and runs none of its code. Dicts come out as Map, lists and
 * tuples as arrays, sets as Set, bytes and the strings
 * of Python 2 as Uint8Array (dict keys as text), whole numbers beyond 2⁵³ as bigint. Memory is
 * bounded by the length of the file and by counts.
 * @param caller For messages: the file's name. @param start Where it begins.
 * @returns The value, and the byte after the pickle.
 * @throws RangeError at the first opcode, name or length that is refused.
 */
export function unpickle(
  source: ByteSource,
  caller: string,
  host: UnpicklerHost,
  start = 0,
): { value: unknown; end: number } {
  const from = cursor(source, caller, start);
  const on = machine(from, caller);
  let count = 0;
  for (let opcode = from.byte(); opcode !== stop; opcode = from.byte()) {
    const step = steps[opcode];
    count++;
    if (step === undefined || count > opcodeLimit) {
      const got =
        step === undefined
          ? `the opcode ${nameOf(opcode)} at byte ${from.at() - 1}`
          : `more than ${opcodeLimit} opcodes`;
      throw expectedError(caller, 'a pickle of data', got, 'it is refused, nothing was run');
    }
    step(on, host);
  }
  return { value: on.pop(), end: from.at() };
}

function nameOf(opcode: number): string {
  return opcode > 32 && opcode < 127
    ? `'${String.fromCharCode(opcode)}'`
    : `0x${opcode.toString(16).padStart(2, '0')}`;
}
