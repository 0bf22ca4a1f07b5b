import { ensure, type OptimizerFactory } from '@kd/core';
import { add, div, mul, sqrt, square, sub } from '@tensorflow/tfjs-core';
import {
  decayRates,
  getSlot,
  slottedOptimizer,
  type Variables,
  type WeightDecayOptions,
  withConfig,
  withDecay,
  zeroSlots,
} from './shared.ts';

/** Options of `rmsProp`. */
export interface RmsPropOptions extends WeightDecayOptions {
  /** α of the running mean of squares, 0 ≤ α < 1. */
  readonly alpha?: number;
  /** ε > 0, added to the root. */
  readonly epsilon?: number;
  /** μ, 0 ≤ μ < 1. */
  readonly momentum?: number;
  /** Divide by the standard deviation instead of the root mean square. */
  readonly centered?: boolean;
}

/**
 * RMSProp, as `torch.optim.RMSprop`: g ← g + λw; s ← αs + (1 − α)g²; d = g / (√s + ε);
 * w ← w − ηd, or with momentum b ← μb + d, w ← w − ηb. Centered: a ← αa + (1 − α)g, and s − a²
 * replaces s in d.
 *
 * Slots: `square.<weight>`, `mean.<weight>` if centered, `momentum.<weight>` with momentum.
 * Source: Hinton, Neural networks for machine learning, lecture 6; centered: Graves 2013.
 * @throws RangeError on an option out of range.
 */
export function rmsProp(options: RmsPropOptions = {}): OptimizerFactory {
  const { alpha = 0.99, epsilon = 1e-8, momentum = 0, centered = false } = options;
  ensure(alpha >= 0 && alpha < 1, 'rmsProp', '0 ≤ alpha < 1', alpha, '0.99 is usual');
  ensure(
    epsilon > 0 && Number.isFinite(epsilon),
    'rmsProp',
    'epsilon > 0',
    epsilon,
    '1e-8 is usual',
  );
  ensure(momentum >= 0 && momentum < 1, 'rmsProp', '0 ≤ momentum < 1', momentum, '0 is usual');
  return withConfig(
    'rmsProp',
    { alpha, epsilon, momentum, centered, weightDecay: options.weightDecay ?? 0 },
    (weights) => {
      const rates = decayRates('rmsProp', weights, options);
      const slots: Variables = {
        ...zeroSlots('square', weights),
        ...(centered ? zeroSlots('mean', weights) : {}),
        ...(momentum > 0 ? zeroSlots('momentum', weights) : {}),
      };
      return slottedOptimizer(
        'rmsProp',
        weights,
        slots,
        ({ name, weight, gradient, learningRate }) => {
          const decayed = withDecay(gradient, weight, rates[name] ?? 0);
          const squareSlot = getSlot(slots, `square.${name}`);
          const meanSquare = add(mul(squareSlot, alpha), mul(square(decayed), 1 - alpha));
          squareSlot.assign(meanSquare);
          let spread = meanSquare;
          if (centered) {
            const meanSlot = getSlot(slots, `mean.${name}`);
            const mean = add(mul(meanSlot, alpha), mul(decayed, 1 - alpha));
            meanSlot.assign(mean);
            spread = sub(meanSquare, square(mean));
          }
          let direction = div(decayed, add(sqrt(spread), epsilon));
          if (momentum > 0) {
            const momentumSlot = getSlot(slots, `momentum.${name}`);
            direction = add(mul(momentumSlot, momentum), direction);
            momentumSlot.assign(direction);
          }
          weight.assign(sub(weight, mul(direction, learningRate)));
        },
      );
    },
  );
}
