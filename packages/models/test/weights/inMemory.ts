import type { SafetensorsDtype } from '@kd/files';
import type { TensorEntry, Weights } from '../../src/index.ts';

/**
 * A tensor of a file that was never written. @param values One after another, or what each place
 * holds.
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
