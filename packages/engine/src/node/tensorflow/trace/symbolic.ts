/** Symbolic tensors: their ids, their errors, and the line of user code that an error names. */
import { fileURLToPath } from 'node:url';

/** Ids of tensors without a value are below −1, TF.js's id of tensors that are not uploaded. */
const firstSymbolicId = -2;

/** Ids that are used once: a tensor of a trace that has ended is never taken for another. */
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

/** The error of a value that is read while tracing. */
export function concreteValueError(): Error {
  return new Error(
    `compile: expected a function that reads no values, got one that reads a tensor (dataSync, data, array, print, or an op that depends on values) at ${callerLine()}; ` +
      'a compiled function runs once to trace its ops, without values: return the tensor and read it after the call.',
  );
}

/** The error of a tensor that is used after its trace. */
export function endedTraceError(): Error {
  return new Error(
    `compile: expected a tensor with a value, got one that a compiled function created while it was traced, at ${callerLine()}; ` +
      'return it from the function instead of storing it.',
  );
}

/** This package's own src or dist, and upstream's kernels. */
const ownDirectories = ['../../../', '../../../../vendor/'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);
/** TensorFlow.js, also as its source maps name it. */
const upstream = /[\\/](node_modules[\\/](@tensorflow|tslib)|tfjs-[a-z-]+[\\/]src)[\\/]/;

/**
 * The line of user code that called us: `file:line:column` of the first stack frame outside
 * TensorFlow.js and this package.
 */
export function callerLine(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 200;
  const { stack = '' } = new Error('stack');
  Error.stackTraceLimit = limit;
  const frames = stack.split('\n').slice(1);
  const line = frames.map(parseFrame).find((found) => found !== undefined && !isInternal(found));
  return line ?? 'an unknown line';
}

/**
 * `at name (file:///directory/file.ts:1:2)` → `/directory/file.ts:1:2`; undefined for Node's own
 * frames.
 */
function parseFrame(frame: string): string | undefined {
  const found = /\(?((?:file:\/\/|[A-Za-z]:\\|\/)[^()]*:\d+:\d+)\)?$/.exec(frame.trim())?.[1];
  if (found === undefined) return undefined;
  return found.startsWith('file://') ? fileURLToPath(found) : found;
}

function isInternal(line: string): boolean {
  return upstream.test(line) || ownDirectories.some((directory) => line.startsWith(directory));
}
