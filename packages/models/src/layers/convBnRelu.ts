import { batchNorm } from './batchNorm.ts';
import { sequential } from './compose.ts';
import { convolution } from './convolution.ts';
import type { LayerFactory } from './layer.ts';
import { relu } from './pointwise.ts';

/** 3×3 convolution that keeps the size, batch norm, ReLU; as `conv` and `bn`. */
export function convBnRelu(from: number, to: number): LayerFactory {
  return sequential({
    conv: convolution({ from, to }),
    bn: batchNorm({ channels: to }),
    relu: relu(),
  });
}
