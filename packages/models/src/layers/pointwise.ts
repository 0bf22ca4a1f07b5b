import { mul, relu as rectify } from '@tensorflow/tfjs-core';
import { type LayerPlan, pointwise } from './layer.ts';

/** max(x, 0). */
export function relu(): LayerPlan {
  return pointwise((x) => rectify(x));
}

/** x times a number. */
export function times(factor: number): LayerPlan {
  return pointwise((x) => mul(x, factor));
}
