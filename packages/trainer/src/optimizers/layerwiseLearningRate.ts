import { ensure, expectedError, type Optimizer, type OptimizerFactory } from '@kd/core';
import { mul, type Scalar, type Tensor, tidy } from '@tensorflow/tfjs-core';
import { prefixed, type Variables } from './shared.ts';

/**
 * An optimizer with a learning rate per group of layers, like PyTorch's parameter groups: the rate
 * of a group is the training's learning rate times the group's factor, at every step of the
 * schedule. Weight decay, which is multiplied by the rate, scales with it.
 *
 *     layerwiseLearningRate(sgd({ momentum: 0.9 }), { fc: 1, stage4: 0.1, '': 0.01 })
 *
 * A key is the name of a layer or its beginning up to a dot; the longest key that matches a weight
 * counts, and `''` matches every weight of the student. Weights of the objective (such as a learned
 * projector) are named `objective.…` and need a key of their own: `objective: 1`.
 *
 * Slots: those of one optimizer per group, named `<key>/<slot>`.
 * @param factors Factor by key, > 0. To keep layers unchanged, `freeze` them.
 * @throws RangeError on a factor ≤ 0; when the training starts, on a weight that no key matches and
 * on a key that matches no weight.
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
  const create = (weights: Variables): Optimizer => {
    const groups = Object.entries(groupByKey(weights, factors)).map(([key, members]) => ({
      key,
      members,
      factor: factors[key] as number,
      optimizer: optimizer(members),
    }));
    return {
      weights: Object.assign(
        {},
        ...groups.map(({ key, optimizer: own }) => prefixed(`${key}/`, own.weights)),
      ),
      apply(gradients, learningRate) {
        tidy(() => {
          for (const { members, factor, optimizer: own } of groups)
            own.apply(select(members, gradients), mul<Scalar>(learningRate, factor));
        });
      },
      dispose() {
        for (const { optimizer: own } of groups) own.dispose();
      },
    };
  };
  return Object.assign(create, {
    config: { kind: 'unnamed', ...optimizer.config, ...prefixed('factor of ', factors) },
  });
}

/** Groups weights by the longest key that matches their name. */
function groupByKey(
  weights: Variables,
  factors: Readonly<Record<string, number>>,
): Record<string, Variables> {
  const keys = Object.keys(factors).sort((left, right) => right.length - left.length);
  const groups: Record<string, Record<string, Variables[string]>> = {};
  for (const [name, weight] of Object.entries(weights)) {
    const key = keys.find((candidate) => matches(candidate, name));
    if (key === undefined)
      throw expectedError(
        'layerwiseLearningRate',
        `a factor for ${name}`,
        Object.keys(factors),
        remedyFor(name),
      );
    groups[key] = { ...groups[key], [name]: weight };
  }
  const unused = keys.find((key) => groups[key] === undefined);
  const layers = [...new Set(Object.keys(weights).map((name) => name.split('.')[0]))];
  ensure(
    unused === undefined,
    'layerwiseLearningRate',
    `keys that fit weights that train (in ${layers.join(', ')})`,
    unused,
    'frozen layers need none',
  );
  return groups;
}

function matches(key: string, name: string): boolean {
  return key === '' ? !belongsToObjective(name) : name === key || name.startsWith(`${key}.`);
}

function belongsToObjective(name: string): boolean {
  return name.startsWith('objective.');
}

function remedyFor(name: string): string {
  return belongsToObjective(name) ? 'objective: 1 is usual' : "'': 0.01 stands for all others";
}

function select(
  members: Variables,
  gradients: Readonly<Record<string, Tensor>>,
): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(gradients).filter(([name]) => Object.hasOwn(members, name)),
  );
}
