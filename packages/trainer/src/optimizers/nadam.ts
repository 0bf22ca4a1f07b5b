import { ensure, type OptimizerFactory } from '@kd/core';
import {
  add,
  div,
  mul,
  pow,
  scalar,
  sqrt,
  square,
  sub,
  type Tensor,
  tidy,
  variable,
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

/** Options of `nadam`. */
export interface NadamOptions extends WeightDecayOptions {
  /** 0 ≤ β₁ < 1. */
  readonly beta1?: number;
  /** 0 ≤ β₂ < 1. */
  readonly beta2?: number;
  /** ε > 0, added to the root. */
  readonly epsilon?: number;
  /** ψ ≥ 0: how quickly the momentum grows to β₁. */
  readonly momentumDecay?: number;
}

/** ½ and 0.96 in the schedule of the momentum, μₜ. */
const MOMENTUM_DIP = 0.5;
const MOMENTUM_BASE = 0.96;

/**
 * Adam with Nesterov's momentum, as `torch.optim.NAdam`: g ← g + λw; m ← β₁m + (1 − β₁)g; v ← β₂v +
 * (1 − β₂)g²; μₜ = β₁ (1 − ½ · 0.96^(tψ)); Πₜ = μ₁ ⋯ μₜ;
 * w ← w − η [(1 − μₜ) / (1 − Πₜ) · g + μₜ₊₁ / (1 − Πₜ₊₁) · m] / (√(v / (1 − β₂ᵗ)) + ε).
 *
 * Slots: `step`, `product` (Πₜ), `first.<weight>`, `second.<weight>`.
 * Source: Dozat 2016, algorithm 2.
 * @throws RangeError on an option out of range.
 */
export function nadam(options: NadamOptions = {}): OptimizerFactory {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, momentumDecay = 4e-3 } = options;
  ensure(beta1 >= 0 && beta1 < 1, 'nadam', '0 ≤ beta1 < 1', beta1, '0.9 is usual');
  ensure(beta2 >= 0 && beta2 < 1, 'nadam', '0 ≤ beta2 < 1', beta2, '0.999 is usual');
  ensure(epsilon > 0 && Number.isFinite(epsilon), 'nadam', 'epsilon > 0', epsilon, '1e-8 is usual');
  ensure(
    momentumDecay >= 0 && Number.isFinite(momentumDecay),
    'nadam',
    'momentumDecay ≥ 0',
    momentumDecay,
    '4e-3 is usual',
  );
  return withConfig(
    'nadam',
    { beta1, beta2, epsilon, momentumDecay, weightDecay: options.weightDecay ?? 0 },
    (weights) => {
      const rates = decayRates('nadam', weights, options);
      const step = zeroCounter();
      const product = tidy(() => variable(scalar(1), false));
      const slots: Variables = {
        step,
        product,
        ...zeroSlots('first', weights),
        ...zeroSlots('second', weights),
      };
      const momentumAt = (time: Tensor): Tensor =>
        mul(sub(1, mul(pow(MOMENTUM_BASE, mul(time, momentumDecay)), MOMENTUM_DIP)), beta1);
      return slottedOptimizer(
        'nadam',
        weights,
        slots,
        ({ name, weight, gradient, learningRate }) => {
          const decayed = withDecay(gradient, weight, rates[name] ?? 0);
          const first = updateMoment(getSlot(slots, `first.${name}`), beta1, decayed);
          const second = updateMoment(getSlot(slots, `second.${name}`), beta2, square(decayed));
          const [now, next] = [momentumAt(step), momentumAt(add(step, 1))];
          const fromGradient = mul(decayed, div(sub(1, now), sub(1, product)));
          const fromMoment = mul(first, div(next, sub(1, mul(product, next))));
          const root = add(div(sqrt(second), sqrt(biasCorrection(beta2, step))), epsilon);
          weight.assign(sub(weight, mul(div(add(fromGradient, fromMoment), root), learningRate)));
        },
        () => {
          step.assign(add(step, 1));
          product.assign(mul(product, momentumAt(step)));
        },
      );
    },
  );
}
