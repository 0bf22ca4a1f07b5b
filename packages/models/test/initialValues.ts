import type { Initializer, LayerFans } from '../src/index.ts';

/** So many first values. */
export function initialValues(
  initial: Initializer,
  fans: LayerFans,
  seed: number,
  count: number,
): Float32Array {
  const values = new Float32Array(count);
  initial(fans, seed, values);
  return values;
}
