import { normal } from '@kd/core';

/** Normal numbers, the same in every run. */
export function pseudoRandom(seed: number, shape: readonly number[]): Float32Array {
  const count = shape.reduce((product, side) => product * side, 1);
  return Float32Array.from({ length: count }, (_, at) => normal(seed, 0, at));
}
