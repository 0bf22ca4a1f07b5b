import { ensure, expectedError, type Stateful } from '@kd/core';
import {
  add,
  where as choose,
  clone,
  dispose,
  div,
  greater,
  logicalAnd,
  minimum,
  mul,
  scalar,
  sub,
  type Tensor,
  tidy,
  type Variable,
  variable,
} from '@tensorflow/tfjs-core';
import { zeroCounter } from './slots.ts';

export interface EmaOptions {
  /** d, 0 ≤ d < 1. */
  readonly decay: number;
  /**
   * Smaller decays at first, as TensorFlow's ExponentialMovingAverage: min(d, (1 + t) / (10 + t))
   * with t updates before this one.
   */
  readonly linearWarmup?: boolean;
}

/** An exponential moving average of weights. */
export interface ExponentialMovingAverage extends Stateful {
  /**
   * average ← d · average + (1 − d) · weight, of all; only tensors, so it can be part of a compiled
   * step.
   */
  update(): void;
  /** Exchanges averages and weights, bit for bit and without copying; twice is as before. */
  swap(): void;
  dispose(): void;
}

/**
 * The exponential moving average of all weights, the averages of batch normalization included.
 * Without warm-up the first update copies, as PyTorch's `AveragedModel` with
 * `get_ema_multi_avg_fn`.
 *
 * Its own weights: `<weight>` for each, and `updates`, their count.
 * Source: Polyak and Juditsky 1992; Tarvainen and Valpola 2017.
 */
export function ema(
  weights: Readonly<Record<string, Variable>>,
  options: EmaOptions,
): ExponentialMovingAverage {
  const { decay, linearWarmup = false } = options;
  ensure(
    decay >= 0 && decay < 1,
    'ema',
    '0 ≤ decay < 1',
    decay,
    '0.999 is usual, less for short runs',
  );
  ensure(weights.updates === undefined, 'ema', 'no weight named updates', 'one; rename it');
  const updates = zeroCounter();
  const twins = Object.fromEntries(
    Object.entries(weights).map(([name, weight]) => [
      name,
      tidy(() => variable(copy(weight), false)),
    ]),
  );
  const pairs = Object.entries(weights).map(
    ([name, weight]) => [twinOf(twins, name), weight] as const,
  );
  return {
    weights: { ...twins, updates },
    update() {
      tidy(() => {
        const first = choose(greater(updates, 0), scalar(decay), scalar(0));
        const rate = linearWarmup ? minimum(decay, div(add(updates, 1), add(updates, 10))) : first;
        for (const [twin, weight] of pairs) {
          if (weight.dtype === 'float32')
            twin.assign(add(mul(twin, rate), mul(weight, sub(1, rate))));
          else twin.assign(copy(weight));
        }
        updates.assign(add(updates, 1));
      });
    },
    swap() {
      tidy(() => {
        for (const [twin, weight] of pairs) {
          const hidden = clone(weight);
          weight.assign(twin);
          twin.assign(hidden);
        }
      });
    },
    dispose: () => dispose([...Object.values(twins), updates]),
  };
}

/** A real copy: two variables on the same data look like one to an engine that traces. */
function copy(weight: Tensor): Tensor {
  return weight.dtype === 'bool'
    ? logicalAnd(weight, weight)
    : add(weight, scalar(0, weight.dtype as 'float32' | 'int32'));
}

function twinOf(twins: Readonly<Record<string, Variable>>, name: string): Variable {
  const twin = twins[name];
  if (twin === undefined) throw expectedError('ema', `an average of ${name}`, Object.keys(twins));
  return twin;
}
