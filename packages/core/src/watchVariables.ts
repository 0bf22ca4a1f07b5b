import { backend, type DataId, type Variable } from '@tensorflow/tfjs-core';
import type { CompilingBackend } from './compile.ts';

/**
 * Watches variables without reading a number: for what is made of weights and must be made anew
 * when they move.
 * @returns Whether one of them has been assigned since, inside or outside of a compiled function.
 */
export function trackVariableVersions(variables: readonly Variable[]): () => boolean {
  const seen = variables.map(valueIn);
  return () => variables.some((variable, at) => !isSame(valueIn(variable), seen[at] as Value));
}

/**
 * Which value a variable holds: assignments change the first, and compiled functions may change the
 * second alone.
 */
interface Value {
  readonly dataId: DataId;
  readonly version: number | undefined;
}

function valueIn({ dataId }: Variable): Value {
  return { dataId, version: (backend() as Partial<CompilingBackend>).versionOf?.(dataId) };
}

function isSame(one: Value, other: Value): boolean {
  return one.dataId === other.dataId && one.version === other.version;
}
