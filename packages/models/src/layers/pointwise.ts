import { mul, relu as rectify } from '@tensorflow/tfjs-core';
import { type LayerPlan, pointwise } from './layer.ts';

/** max(x, 0). */
export function relu(): LayerPlan {
  const plan = pointwise((x) => rectify(x));
  return (name, seed) => ({ ...plan(name, seed), parts: [{ does: 'rectify' }] });
}

/** x times a number. */
export function times(factor: number): LayerPlan {
  return pointwise((x) => mul(x, factor));
}
