import type { SafetensorsDtype } from '@kd/files';
import type { TensorEntry, Weights } from '../../src/index.ts';

/**
 * A tensor as of a file.
 * @param values The values, or a function of their position.
 */
export function entry(
  shape: readonly number[],
  values: readonly number[] | ((n: number) => number),
  dtype: SafetensorsDtype = 'F32',
): TensorEntry {
  const length = shape.reduce((product, side) => product * side, 1);
  const at = typeof values === 'function' ? values : (n: number) => values[n] as number;
  return { dtype, shape, read: () => Float32Array.from({ length }, (_, n) => at(n)) };
}

export function inMemory(entries: Readonly<Record<string, TensorEntry>>): Weights {
  return { fileName: 'memory.pth', entries, metadata: {} };
}
