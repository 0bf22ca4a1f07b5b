import { callerLine } from './caller.ts';

/**
 * Ids of tensors without a value lie below −1, which TF.js gives to those that are not uploaded
 * yet.
 */
const firstSymbolicId = -2;

/** Ids that are given once: a tensor of a trace that has ended is not taken for another's. */
export class SymbolicIds {
  #next = firstSymbolicId;

  take(): number {
    return this.#next--;
  }
}

/** Whether a tensor stands for a value in a traced function. */
export function isSymbolic(id: number): boolean {
  return id <= firstSymbolicId;
}

/** What to throw where a value is read while tracing. */
export function readWhileTracing(): Error {
  return new Error(
    `compile: expected a function that reads no values, got one that reads a tensor (dataSync, data, array, print, or an op that looks at values) at ${callerLine()}; ` +
      'a compiled function is run once to record its ops, when no values are known: return the tensor and read it after the call.',
  );
}

/** What to throw where a tensor of a trace is used after it. */
export function traceHasEnded(): Error {
  return new Error(
    `compile: expected a tensor with a value, got one that a compiled function made while it was recorded, at ${callerLine()}; ` +
      'return it from the function instead of storing it.',
  );
}
