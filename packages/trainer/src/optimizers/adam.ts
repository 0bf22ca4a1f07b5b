import { ensure, type OptimizerFactory } from '@kd/core';
import {
  add,
  div,
  maximum,
  mul,
  sqrt,
  square,
  sub,
  type Tensor,
  type Variable,
} from '@tensorflow/tfjs-core';
import {
  biasCorrection,
  decayRates,
  getSlot,
  slottedOptimizer,
  updateMoment,
  type Variables,
  type WeightDecayOptions,
  withConfig,
  withDecay,
  zeroCounter,
  zeroSlots,
} from './shared.ts';

/** Options of `adam` and `adamW`. */
export interface AdamOptions extends WeightDecayOptions {
  /** 0 ≤ β₁ < 1. */
  readonly beta1?: number;
  /** 0 ≤ β₂ < 1. */
  readonly beta2?: number;
  /** ε > 0, added to the root. */
  readonly epsilon?: number;
  /** Divide by the largest second moment so far (Reddi et al. 2018). */
  readonly amsgrad?: boolean;
}

/**
 * Adam, as `torch.optim.Adam`; weight decay is L2: g ← g + λw enters the moments.
 * m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²; w ← w − η (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε).
 *
 * Slots: `step`, `first.<weight>`, `second.<weight>`, with amsgrad `largest.<weight>`.
 * Source: Kingma and Ba 2015, algorithm 1.
 * @throws RangeError on an option out of range.
 */
export function adam(options: AdamOptions = {}): OptimizerFactory {
  return adaptiveMoments('adam', options, false);
}

/**
 * Adam with decoupled weight decay, as `torch.optim.AdamW`: w ← w (1 − ηλ), then Adam's step. λ is
 * 0.01 by default.
 * Source: Loshchilov and Hutter 2019, algorithm 2.
 * @throws RangeError on an option out of range.
 */
export function adamW(options: AdamOptions = {}): OptimizerFactory {
  return adaptiveMoments('adamW', { weightDecay: 0.01, ...options }, true);
}

function adaptiveMoments(
  caller: string,
  options: AdamOptions,
  decoupled: boolean,
): OptimizerFactory {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, amsgrad = false } = options;
  ensure(beta1 >= 0 && beta1 < 1, caller, '0 ≤ beta1 < 1', beta1, '0.9 is usual');
  ensure(beta2 >= 0 && beta2 < 1, caller, '0 ≤ beta2 < 1', beta2, '0.999 is usual');
  ensure(epsilon > 0 && Number.isFinite(epsilon), caller, 'epsilon > 0', epsilon, '1e-8 is usual');
  return withConfig(
    caller,
    { beta1, beta2, epsilon, amsgrad, weightDecay: options.weightDecay ?? 0 },
    (weights) => {
      const rates = decayRates(caller, weights, options);
      const step = zeroCounter();
      const largest = amsgrad ? zeroSlots('largest', weights) : {};
      const slots: Variables = {
        step,
        ...zeroSlots('first', weights),
        ...zeroSlots('second', weights),
        ...largest,
      };
      return slottedOptimizer(
        caller,
        weights,
        slots,
        ({ name, weight, gradient, learningRate }) => {
          const rate = rates[name] ?? 0;
          const decayed =
            decoupled && rate > 0 ? mul(weight, sub(1, mul(learningRate, rate))) : weight;
          const direction = decoupled ? gradient : withDecay(gradient, weight, rate);
          const first = updateMoment(getSlot(slots, `first.${name}`), beta1, direction);
          const second = updateMoment(getSlot(slots, `second.${name}`), beta2, square(direction));
          const scale = amsgrad ? raise(getSlot(slots, `largest.${name}`), second) : second;
          const root = add(div(sqrt(scale), sqrt(biasCorrection(beta2, step))), epsilon);
          weight.assign(
            sub(decayed, mul(div(first, root), div(learningRate, biasCorrection(beta1, step)))),
          );
        },
        () => step.assign(add(step, 1)),
      );
    },
  );
}

function raise(slot: Variable, value: Tensor): Tensor {
  const largest = maximum(slot, value);
  slot.assign(largest);
  return largest;
}
