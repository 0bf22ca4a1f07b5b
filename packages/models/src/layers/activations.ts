import type { GraphOperation, GraphTensor } from '@kd/core';
import { relu6 as clipTo6, mul, relu as rectify, type Tensor } from '@tensorflow/tfjs-core';
import type { LayerFactory, Rectifier } from './layer.ts';

/**
 * A layer without weights that applies a function: `elementwise((x) => tf.elu(x))`. It reports
 * nothing to `ForwardOptions.onLayer`.
 * @param operation The same function as an operation of a graph, which a network needs to be
 * exported: `{ kind: 'activation', function: 'elu', alpha: 1 }`.
 */
export function elementwise(
  compute: (x: Tensor) => Tensor,
  operation?: GraphOperation,
): LayerFactory {
  return (name) => ({
    name,
    weights: {},
    stride: 1,
    apply: compute,
    ...(operation && { computes: () => [operation] }),
  });
}

/** max(x, 0). */
export function relu(): LayerFactory {
  return rectifier('relu', rectify);
}

/**
 * min(max(x, 0), 6).
 *
 * Source: Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010.
 */
export function relu6(): LayerFactory {
  return rectifier('relu6', clipTo6);
}

function rectifier(activation: Rectifier, compute: (x: Tensor) => Tensor): LayerFactory {
  const factory = elementwise((x) => compute(x));
  return (name, seed) => ({
    ...factory(name, seed),
    inferenceOps: [{ kind: 'activation', name, activation }],
  });
}

/** factor · x. */
export function scale(factor: number): LayerFactory {
  return elementwise((x) => mul(x, factor), {
    kind: 'channelAffine',
    scale: constant(factor),
    offset: constant(0),
    activation: 'linear',
  });
}

function constant(value: number): GraphTensor {
  return { shape: [1], values: Float32Array.of(value) };
}
