import type { Fans, Initial } from '../src/index.ts';

/** So many first values. */
export function firstValues(initial: Initial, fans: Fans, seed: number, count: number): Float32Array {
  const values = new Float32Array(count);
  initial(fans, seed, values);
  return values;
}
