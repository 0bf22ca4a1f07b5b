import { ensure, expectedError, type Optimizer } from '@kd/core';
import {
  dispose,
  type Scalar,
  scalar,
  type Tensor,
  tidy,
  type Variable,
  variable,
  zeros,
} from '@tensorflow/tfjs-core';

export type Weights = Readonly<Record<string, Variable>>;
export type Slots = Readonly<Record<string, Variable>>;

/** One weight's share of a step. */
export interface Update {
  readonly name: string;
  readonly weight: Variable;
  readonly gradient: Tensor;
  readonly learningRate: Scalar;
}

/** A slot of zeros for each weight, named `kind.weight`. */
export function zeroSlots(kind: string, weights: Weights): Record<string, Variable> {
  return Object.fromEntries(
    Object.entries(weights).map(([name, weight]) => [
      `${kind}.${name}`,
      tidy(() => variable(zeros(weight.shape), false)),
    ]),
  );
}

/** A scalar of zero, for counting steps. */
export function zeroCounter(): Variable {
  return tidy(() => variable(scalar(0), false));
}

export function slotOf(slots: Slots, name: string): Variable {
  const slot = slots[name];
  if (slot === undefined)
    throw expectedError('optimizer', `a slot named ${name}`, Object.keys(slots));
  return slot;
}

/**
 * An optimizer from its slots and its update of one weight. A weight without a gradient stays as it
 * is, as in PyTorch.
 * @param update Assigns the weight and its slots; runs in a tidy.
 * @param count Runs once at the start of each step.
 */
export function slottedOptimizer(
  caller: string,
  weights: Weights,
  slots: Slots,
  update: (part: Update) => void,
  count?: () => void,
): Optimizer {
  return {
    weights: slots,
    apply(gradients, learningRate) {
      tidy(() => {
        count?.();
        for (const [name, gradient] of Object.entries(gradients)) {
          const weight = weights[name];
          ensure(
            weight !== undefined,
            caller,
            `gradients of ${Object.keys(weights).join(', ')}`,
            name,
          );
          update({ name, weight, gradient, learningRate });
        }
      });
    },
    dispose: () => dispose(Object.values(slots)),
  };
}
