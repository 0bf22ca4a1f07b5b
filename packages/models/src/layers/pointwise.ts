import { mul, relu as rectify, relu6 as rectifyTo6, type Tensor } from '@tensorflow/tfjs-core';
import { elementwise, type LayerFactory } from './layer.ts';
import type { Rectifier } from './parts.ts';

/** max(x, 0). */
export function relu(): LayerFactory {
  return rectifier('relu', rectify);
}

/**
 * min(max(x, 0), 6). Source: Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010.
 */
export function relu6(): LayerFactory {
  return rectifier('relu6', rectifyTo6);
}

function rectifier(by: Rectifier, compute: (x: Tensor) => Tensor): LayerFactory {
  const plan = elementwise((x) => compute(x));
  return (name, seed) => ({ ...plan(name, seed), parts: [{ does: 'rectify', by }] });
}

/** x times a number. */
export function scale(factor: number): LayerFactory {
  return elementwise((x) => mul(x, factor));
}
