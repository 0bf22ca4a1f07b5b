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
import { zeroCounter } from './shared.ts';

/** Options of `ema`. */
export interface EmaOptions {
  /** d, 0 ≤ d < 1. */
  readonly decay: number;
  /**
   * Smaller decays at first, as in TensorFlow's ExponentialMovingAverage:
   * min(d, (1 + t) / (10 + t)) with t updates before this one.
   */
  readonly warmup?: boolean;
}

/** The exponential moving average of some weights. */
export interface ExponentialMovingAverage extends Stateful {
  /**
   * average ← d · average + (1 − d) · weight, for every weight. Uses tensors only, so that it can
   * be part of a compiled step.
   */
  update(): void;
  /** Exchanges averages and weights, bit for bit and without copying; a second call undoes it. */
  swap(): void;
  dispose(): void;
}

/**
 * The exponential moving average of all weights, including the running averages of batch
 * normalization. Without warm-up the first update copies the weights, as PyTorch's `AveragedModel`
 * with `get_ema_multi_avg_fn` does.
 *
 * Its own variables: the average `<weight>` of each weight, and `updates`, their count.
 * Source: Polyak and Juditsky 1992; Tarvainen and Valpola 2017.
 */
export function ema(
  weights: Readonly<Record<string, Variable>>,
  options: EmaOptions,
): ExponentialMovingAverage {
  const { decay, warmup = false } = options;
  ensure(
    decay >= 0 && decay < 1,
    'ema',
    '0 ≤ decay < 1',
    decay,
    '0.999 is usual, less for short runs',
  );
  ensure(weights.updates === undefined, 'ema', 'no weight named updates', 'one; rename it');
  const updates = zeroCounter();
  const averages = Object.fromEntries(
    Object.entries(weights).map(([name, weight]) => [
      name,
      tidy(() => variable(copy(weight), false)),
    ]),
  );
  const pairs = Object.entries(weights).map(
    ([name, weight]) => [getAverage(averages, name), weight] as const,
  );
  return {
    weights: { ...averages, updates },
    update() {
      tidy(() => {
        const first = choose(greater(updates, 0), scalar(decay), scalar(0));
        const rate = warmup ? minimum(decay, div(add(updates, 1), add(updates, 10))) : first;
        for (const [average, weight] of pairs) {
          if (weight.dtype === 'float32')
            average.assign(add(mul(average, rate), mul(weight, sub(1, rate))));
          else average.assign(copy(weight));
        }
        updates.assign(add(updates, 1));
      });
    },
    swap() {
      tidy(() => {
        for (const [average, weight] of pairs) {
          const previous = clone(weight);
          weight.assign(average);
          average.assign(previous);
        }
      });
    },
    dispose: () => dispose([...Object.values(averages), updates]),
  };
}

/** A real copy: to an engine that traces, two variables that share data would be the same one. */
function copy(weight: Tensor): Tensor {
  return weight.dtype === 'bool'
    ? logicalAnd(weight, weight)
    : add(weight, scalar(0, weight.dtype as 'float32' | 'int32'));
}

function getAverage(averages: Readonly<Record<string, Variable>>, name: string): Variable {
  const average = averages[name];
  if (average === undefined)
    throw expectedError('ema', `an average of ${name}`, Object.keys(averages));
  return average;
}
