import { ensure, foldIn, randomUniform } from '@kd/core';
import {
  cast,
  clone,
  greaterEqual,
  mul,
  type Tensor,
  type Tensor1D,
  tidy,
} from '@tensorflow/tfjs-core';
import type { LayerFactory } from './layer.ts';

export interface DropoutOptions {
  /** The share of the activations that become 0 in training: 0 ≤ rate < 1. */
  readonly rate: number;
}

/**
 * In training, each activation is 0 with probability `rate` and divided by 1 − rate otherwise; at
 * inference the output is x.
 *
 * The mask depends on `mode.seed` and the layer's name alone (the name selects the random stream):
 * another one at every step and in every layer, the same on every engine and in a resumed training.
 * Without a seed, a forward pass in training throws.
 * Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting",
 * JMLR 2014, section 10 (scaled in training).
 */
export function dropout({ rate }: DropoutOptions): LayerFactory {
  ensure(
    rate >= 0 && rate < 1,
    'dropout',
    '0 ≤ rate < 1',
    rate,
    '0.5 is usual before a dense layer',
  );
  return (name) => ({
    name,
    weights: {},
    stride: 1,
    computes: () => [],
    apply(x, { training, seed }) {
      if (!training || rate === 0) return clone(x);
      const stepSeed = requireSeed(name, seed);
      return tidy(() => applyDropout(x, rate, x.shape, foldIn(stepSeed, name)));
    },
  });
}

/** @throws RangeError if a forward pass in training has no seed. */
export function requireSeed(caller: string, seed: Tensor1D | undefined): Tensor1D {
  ensure(
    seed !== undefined,
    caller,
    'a seed to draw from in training',
    'none',
    'train() gives one, and so may you: forward(images, { training: true, seed })',
  );
  return seed;
}

/**
 * x · (u ≥ rate) / (1 − rate), with u uniform in [0, 1).
 * @param shape Shape of u; along an axis of length 1, all positions share one random number.
 */
export function applyDropout(
  x: Tensor,
  rate: number,
  shape: readonly number[],
  seed: Tensor1D,
): Tensor {
  return mul(x, mul(keepMask(rate, shape, seed), 1 / (1 - rate)));
}

/** 1 with probability 1 − rate, else 0. */
export function keepMask(rate: number, shape: readonly number[], seed: Tensor1D): Tensor {
  return cast(greaterEqual(randomUniform(shape, seed), rate), 'float32');
}
