import { ensure } from '@kd/core';
import { add, mul, type Tensor, type Variable } from '@tensorflow/tfjs-core';

/**
 * Which weights decay: all by default. `(name, shape) => shape.length > 1` leaves out biases and
 * the scales of batch normalization.
 */
export type WeightDecayFilter = (name: string, shape: readonly number[]) => boolean;

export interface WeightDecayOptions {
  /** λ ≥ 0; 0: none. */
  readonly weightDecay?: number;
  readonly decay?: WeightDecayFilter;
}

/** @returns λ by the name of a weight; 0 where it does not decay. */
export function decayRates(
  caller: string,
  weights: Readonly<Record<string, Variable>>,
  options: WeightDecayOptions,
): Readonly<Record<string, number>> {
  const { weightDecay = 0, decay = () => true } = options;
  ensure(
    Number.isFinite(weightDecay) && weightDecay >= 0,
    caller,
    'weightDecay ≥ 0',
    weightDecay,
    '5e-4 is usual for sgd on CIFAR',
  );
  return Object.fromEntries(
    Object.entries(weights).map(([name, weight]) => [
      name,
      decay(name, weight.shape) ? weightDecay : 0,
    ]),
  );
}

/** L2: g + λ w. */
export function withDecay(gradient: Tensor, weight: Tensor, rate: number): Tensor {
  return rate === 0 ? gradient : add(gradient, mul(weight, rate));
}
