import { type BatchNormOptions, batchNorm } from './batchNorm.ts';
import { sequence } from './compose.ts';
import type { LayerPlan } from './layer.ts';

/** A convolution, its batch norm and, where there is one, an activation; as `conv`, `bn` and `act`. */
export function unit(convolution: LayerPlan, norm: BatchNormOptions, activation?: LayerPlan): LayerPlan {
  return sequence({ conv: convolution, bn: batchNorm(norm), ...(activation && { act: activation }) });
}
