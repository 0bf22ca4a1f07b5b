import { ensure, type OptimizerFactory } from '@kd/core';
import {
  add,
  where as choose,
  greater,
  mul,
  scalar,
  sub,
  type Tensor,
} from '@tensorflow/tfjs-core';
import {
  decayRates,
  getSlot,
  slottedOptimizer,
  type Variables,
  type WeightDecayOptions,
  withConfig,
  withDecay,
  zeroCounter,
  zeroSlots,
} from './shared.ts';

/** Options of `sgd`. */
export interface SgdOptions extends WeightDecayOptions {
  /** μ, 0 ≤ μ < 1. */
  readonly momentum?: number;
  /** Nesterov's momentum: the gradient plus μ times the updated momentum. */
  readonly nesterov?: boolean;
  /** δ, 0 ≤ δ ≤ 1: gradients enter the momentum with the factor 1 − δ, except the first. */
  readonly dampening?: number;
}

/**
 * Stochastic gradient descent, as `torch.optim.SGD`:
 * g ← g + λw; m ← μm + (1 − δ)g (m ← g at the first step); w ← w − η m, or w − η (g + μm) with
 * Nesterov.
 *
 * Slots: `momentum.<weight>`, and `step` with dampening.
 * Source: Sutskever et al. 2013, in PyTorch's form (the learning rate is outside the momentum).
 * @throws RangeError on an option out of range, and on Nesterov without momentum or with dampening.
 */
export function sgd(options: SgdOptions = {}): OptimizerFactory {
  const { momentum = 0, nesterov = false, dampening = 0 } = options;
  ensure(momentum >= 0 && momentum < 1, 'sgd', '0 ≤ momentum < 1', momentum, '0.9 is usual');
  ensure(dampening >= 0 && dampening <= 1, 'sgd', '0 ≤ dampening ≤ 1', dampening, '0 is usual');
  ensure(
    !nesterov || (momentum > 0 && dampening === 0),
    'sgd',
    'momentum > 0 and no dampening with nesterov',
    `momentum ${momentum} and dampening ${dampening}`,
  );
  return withConfig(
    'sgd',
    { momentum, nesterov, dampening, weightDecay: options.weightDecay ?? 0 },
    (weights) => {
      const rates = decayRates('sgd', weights, options);
      const dampened = momentum > 0 && dampening > 0;
      const slots: Variables = {
        ...(momentum > 0 ? zeroSlots('momentum', weights) : {}),
        ...(dampened ? { step: zeroCounter() } : {}),
      };
      const entering = (gradient: Tensor): Tensor =>
        dampened
          ? mul(
              gradient,
              choose(greater(getSlot(slots, 'step'), 1), scalar(1 - dampening), scalar(1)),
            )
          : gradient;
      const count = () => getSlot(slots, 'step').assign(add(getSlot(slots, 'step'), 1));
      return slottedOptimizer(
        'sgd',
        weights,
        slots,
        ({ name, weight, gradient, learningRate }) => {
          const decayed = withDecay(gradient, weight, rates[name] ?? 0);
          let direction = decayed;
          if (momentum > 0) {
            const slot = getSlot(slots, `momentum.${name}`);
            const moved = add(mul(slot, momentum), entering(decayed));
            slot.assign(moved);
            direction = nesterov ? add(decayed, mul(moved, momentum)) : moved;
          }
          weight.assign(sub(weight, mul(direction, learningRate)));
        },
        dampened ? count : undefined,
      );
    },
  );
}
