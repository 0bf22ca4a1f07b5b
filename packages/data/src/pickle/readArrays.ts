import { byteSource } from '@kd/core';
import { readPickle } from '@kd/core/pickle';
import { build, PickledGlobal, reduced } from './numpy.ts';

/**
 * Reads a Python pickle of plain data: dicts, lists, tuples, numbers, strings and numpy uint8 arrays, as `readPickle` of @kd/core gives them.
 * A pickle can name any function to be called; here every name but numpy's array makers is refused, and those are recognised, not called.
 * @param where For messages: the file's name.
 * @throws RangeError at the first opcode, name or length that is not of these.
 */
export function readArrays(bytes: Uint8Array, where: string): unknown {
  const host = {
    global: (name: string) => new PickledGlobal(name, where),
    call: (callee: unknown, parameters: unknown) => reduced(callee, parameters, where),
    build: (target: unknown, state: unknown) => build(target, state, where),
  };
  return readPickle(byteSource(bytes), where, host).value;
}
