import { type BatchNormOptions, batchNorm } from './batchNorm.ts';
import { sequential } from './compose.ts';
import type { LayerFactory } from './layer.ts';

/**
 * A convolution, its batch norm and, where there is one, an activation; as `conv`, `bn` and `act`.
 */
export function unit(
  convolution: LayerFactory,
  norm: BatchNormOptions,
  activation?: LayerFactory,
): LayerFactory {
  return sequential({
    conv: convolution,
    bn: batchNorm(norm),
    ...(activation && { act: activation }),
  });
}
