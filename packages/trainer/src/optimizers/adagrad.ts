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

/** Options of `adagrad`. */
export interface AdagradOptions extends WeightDecayOptions {
  /** ε > 0, added to the root. */
  readonly epsilon?: number;
}

/**
 * Adagrad, as `torch.optim.Adagrad` (whose `lr_decay` is a schedule here): g ← g + λw; s ← s + g²;
 * w ← w − η g / (√s + ε).
 *
 * Slots: `square.<weight>`.
 * Source: Duchi, Hazan, Singer 2011.
 * @throws RangeError on an option out of range.
 */
export function adagrad(options: AdagradOptions = {}): OptimizerFactory {
  const { epsilon = 1e-10 } = options;
  ensure(
    epsilon > 0 && Number.isFinite(epsilon),
    'adagrad',
    'epsilon > 0',
    epsilon,
    '1e-10 is usual',
  );
  return withConfig('adagrad', { epsilon, weightDecay: options.weightDecay ?? 0 }, (weights) => {
    const rates = decayRates('adagrad', weights, options);
    const slots: Variables = zeroSlots('square', weights);
    return slottedOptimizer(
      'adagrad',
      weights,
      slots,
      ({ name, weight, gradient, learningRate }) => {
        const decayed = withDecay(gradient, weight, rates[name] ?? 0);
        const slot = getSlot(slots, `square.${name}`);
        const sum = add(slot, square(decayed));
        slot.assign(sum);
        weight.assign(sub(weight, mul(div(decayed, add(sqrt(sum), epsilon)), learningRate)));
      },
    );
  });
}
