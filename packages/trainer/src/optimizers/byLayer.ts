import { ensure, expectedError, type Optimizer, type OptimizerFactory } from '@kd/core';
import { mul, type Scalar, type Tensor, tidy } from '@tensorflow/tfjs-core';
import { prefixed } from '../checkpoints/weights.ts';
import type { Weights } from './slots.ts';

/**
 * Another learning rate for every group of layers, as PyTorch's parameter groups: a group's rate is
 * the training's times the group's factor, at every step of its schedule, and
 * weight decay, which works through the rate, follows.
 *
 *     layerwiseLearningRate(sgd({ momentum: 0.9 }), { fc: 1, stage4: 0.1, '': 0.01 })
 *
 * A key is a layer's name or the beginning of one up to a dot; of the keys that fit a weight the
 * longest counts, and `''` fits every weight of the student. Weights of the objective (a learned
 * regressor) are called `objective.…` and need a key of their own: `objective: 1`.
 *
 * Slots: those of one optimizer for each group, named `<key>/<slot>`.
 * @param factors > 0. To leave layers as they are, `freeze` them.
 * @throws RangeError on a factor ≤ 0; when the training starts, on a weight that no key fits and on
 * a key that fits none.
 */
export function layerwiseLearningRate(
  optimizer: OptimizerFactory,
  factors: Readonly<Record<string, number>>,
): OptimizerFactory {
  for (const [key, factor] of Object.entries(factors)) {
    const remedy =
      factor === 0
        ? "freeze(network, { upTo: '…' }) of @kd/models leaves layers as they are"
        : '0.1 is usual before the head';
    ensure(
      factor > 0 && Number.isFinite(factor),
      'layerwiseLearningRate',
      `a factor > 0 for '${key}'`,
      factor,
      remedy,
    );
  }
  const make = (weights: Weights): Optimizer => {
    const groups = groupsOf(weights, factors);
    const optimizers = Object.entries(groups).map(([key, group]) => ({
      key,
      factor: factors[key] as number,
      group,
      moves: optimizer(group),
    }));
    return {
      weights: Object.assign(
        {},
        ...optimizers.map(({ key, moves }) => prefixed(`${key}/`, moves.weights)),
      ),
      apply(gradients, learningRate) {
        tidy(() => {
          for (const { factor, group, moves } of optimizers)
            moves.apply(among(group, gradients), mul<Scalar>(learningRate, factor));
        });
      },
      dispose() {
        for (const { moves } of optimizers) moves.dispose();
      },
    };
  };
  return Object.assign(make, {
    settings: { kind: 'unnamed', ...optimizer.config, ...prefixed('factor of ', factors) },
  });
}

/** Weights by the longest key that fits them. */
function groupsOf(
  weights: Weights,
  factors: Readonly<Record<string, number>>,
): Record<string, Weights> {
  const keys = Object.keys(factors).sort((left, right) => right.length - left.length);
  const groups: Record<string, Record<string, Weights[string]>> = {};
  for (const [name, weight] of Object.entries(weights)) {
    const key = keys.find((one) => fits(one, name));
    if (key === undefined)
      throw expectedError(
        'layerwiseLearningRate',
        `a factor for ${name}`,
        Object.keys(factors),
        remedyFor(name),
      );
    groups[key] = { ...groups[key], [name]: weight };
  }
  const idle = keys.find((key) => groups[key] === undefined);
  const layers = [...new Set(Object.keys(weights).map((name) => name.split('.')[0]))];
  ensure(
    idle === undefined,
    'layerwiseLearningRate',
    `keys that fit weights that train (in ${layers.join(', ')})`,
    idle,
    'frozen layers need none',
  );
  return groups;
}

function fits(key: string, name: string): boolean {
  return key === '' ? !isOfObjective(name) : name === key || name.startsWith(`${key}.`);
}

function isOfObjective(name: string): boolean {
  return name.startsWith('objective.');
}

function remedyFor(name: string): string {
  return isOfObjective(name) ? 'objective: 1 is usual' : "'': 0.01 stands for all others";
}

function among(
  group: Weights,
  gradients: Readonly<Record<string, Tensor>>,
): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(gradients).filter(([name]) => Object.hasOwn(group, name)),
  );
}
