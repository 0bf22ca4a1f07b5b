import { byteSource } from '@kd/files';
import { unpickle } from '@kd/files/pickle';
import { build, PickledGlobal, reduced } from './numpy.ts';

/**
 * Reads a Python pickle of plain data: dicts, lists, tuples, numbers, strings and numpy uint8
 * arrays, as `unpickle` of @kd/core gives them.
 * A pickle can name any function to be called; here every name but numpy's array makers is refused,
 * and those are recognised, not called.
 * @param caller For messages: the file's name.
 * @throws RangeError at the first opcode, name or length that is not of these.
 */
export function readArrays(bytes: Uint8Array, caller: string): unknown {
  const host = {
    global: (name: string) => new PickledGlobal(name, caller),
    call: (callee: unknown, parameters: unknown) => reduced(callee, parameters, caller),
    build: (target: unknown, state: unknown) => build(target, state, caller),
  };
  return unpickle(byteSource(bytes), caller, host).value;
}
