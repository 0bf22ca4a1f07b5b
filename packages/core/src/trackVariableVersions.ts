import { backend, type DataId, type Variable } from '@tensorflow/tfjs-core';
import type { CompilingBackend } from './compile.ts';

/**
 * Tracks assignments of variables without reading their values; for data that is derived from
 * weights and must be recomputed when they change.
 * @returns Function that returns whether any of the variables has been assigned since, inside or
 * outside of a compiled function.
 */
export function trackVariableVersions(variables: readonly Variable[]): () => boolean {
  const before = variables.map(readVersion);
  return () =>
    variables.some((variable, at) => !isSame(readVersion(variable), before[at] as Version));
}

/** An assignment changes `dataId`; a compiled function may change `count` alone. */
interface Version {
  readonly dataId: DataId;
  readonly count: number | undefined;
}

function readVersion({ dataId }: Variable): Version {
  return { dataId, count: (backend() as Partial<CompilingBackend>).versionOf?.(dataId) };
}

function isSame(one: Version, other: Version): boolean {
  return one.dataId === other.dataId && one.count === other.count;
}
