import { ensure, expectedError, type Optimizer, type OptimizerFactory } from '@kd/core';
import {
  add,
  dispose,
  expm1,
  mul,
  neg,
  type Scalar,
  scalar,
  type Tensor,
  tidy,
  type Variable,
  variable,
  zeros,
} from '@tensorflow/tfjs-core';

/** Variables by name. */
export type Variables = Readonly<Record<string, Variable>>;

/** Attaches the options of an optimizer to its factory. @param kind Name of the public function. */
export function withConfig(
  kind: string,
  options: Readonly<Record<string, number | boolean>>,
  create: (weights: Variables) => Optimizer,
): OptimizerFactory {
  return Object.assign(create, { config: { kind, ...options } });
}

/** Arguments of the update of one weight. */
export interface UpdateInputs {
  readonly name: string;
  readonly weight: Variable;
  readonly gradient: Tensor;
  readonly learningRate: Scalar;
}

/**
 * An optimizer made of its slots and its update of one weight. A weight without a gradient does not
 * change, as in PyTorch.
 * @param update Assigns the weight and its slots; runs in a tidy.
 * @param count Runs once at the start of each step.
 */
export function slottedOptimizer(
  caller: string,
  weights: Variables,
  slots: Variables,
  update: (inputs: UpdateInputs) => void,
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

/** A slot of zeros for each weight, named `<kind>.<weight>`. */
export function zeroSlots(kind: string, weights: Variables): Record<string, Variable> {
  return Object.fromEntries(
    Object.entries(weights).map(([name, weight]) => [
      `${kind}.${name}`,
      tidy(() => variable(zeros(weight.shape), false)),
    ]),
  );
}

/** A scalar of zero, to count steps. */
export function zeroCounter(): Variable {
  return tidy(() => variable(scalar(0), false));
}

/** Returns the slot of this name. */
export function getSlot(slots: Variables, name: string): Variable {
  const slot = slots[name];
  if (slot === undefined)
    throw expectedError('optimizer', `a slot named ${name}`, Object.keys(slots));
  return slot;
}

/** moment ← β moment + (1 − β) value. @returns Its new value. */
export function updateMoment(moment: Variable, beta: number, value: Tensor): Tensor {
  const updated = add(mul(moment, beta), mul(value, 1 - beta));
  moment.assign(updated);
  return updated;
}

/** 1 − βᵗ. As −expm1(t ln β): 1 − 0.999 in float32 has a relative error of 3e-5. */
export function biasCorrection(beta: number, step: Tensor): Tensor {
  return neg(expm1(mul(step, beta === 0 ? -100 : Math.log(beta))));
}

/**
 * Selects the weights that decay; all by default. `(name, shape) => shape.length > 1` leaves out
 * biases and the scales of batch normalization.
 */
export type WeightDecayFilter = (name: string, shape: readonly number[]) => boolean;

/** Options of weight decay, common to all optimizers. */
export interface WeightDecayOptions {
  /** λ ≥ 0; 0: none. */
  readonly weightDecay?: number;
  readonly decay?: WeightDecayFilter;
}

/** @returns λ by the name of the weight; 0 for a weight that does not decay. */
export function decayRates(
  caller: string,
  weights: Variables,
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

/** L2 regularization: g + λ w. */
export function withDecay(gradient: Tensor, weight: Tensor, rate: number): Tensor {
  return rate === 0 ? gradient : add(gradient, mul(weight, rate));
}

/** The entries of a record under their names with a prefix. */
export function prefixed<Value>(
  prefix: string,
  entries: Readonly<Record<string, Value>>,
): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(entries).map(([name, value]) => [`${prefix}${name}`, value]),
  );
}
