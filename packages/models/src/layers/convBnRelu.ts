import { batchNorm } from './batchNorm.ts';
import { sequence } from './compose.ts';
import { convolution } from './convolution.ts';
import type { LayerPlan } from './layer.ts';
import { relu } from './pointwise.ts';

/** 3×3 convolution that keeps the size, batch norm, ReLU; as `conv` and `bn`. */
export function convBnRelu(from: number, to: number): LayerPlan {
  return sequence({ conv: convolution({ from, to }), bn: batchNorm({ channels: to }), relu: relu() });
}
