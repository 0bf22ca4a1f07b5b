import type { Network } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * Gives a network the weights of the rule in the golden file (`resnet.rule`, `resnet.hash`): each
 * number a hash of its place in PyTorch's tensor
 * (OIHW for convolutions, (out, in) for linear layers), of the tensor's place in the state_dict and
 * of the seed.
 * @param network Its weights in the order of PyTorch's state_dict, in which a counter of batches
 * follows every running variance.
 */
export function fillByRule(network: Network, seed: number): void {
  const lastNorms = lastNormsOf(Object.keys(network.weights));
  let place = 0;
  for (const [name, weight] of Object.entries(network.weights)) {
    const rule = ruleOf(name, weight.shape, lastNorms);
    tf.tidy(() => weight.assign(weightFor(weight.shape, rule, place, seed)));
    place += name.endsWith('.variance') ? 2 : 1;
  }
}

/** From a number in [0, 1) to a weight. */
type Rule = (uniform: number) => number;

function ruleOf(name: string, shape: readonly number[], lastNorms: ReadonlySet<string>): Rule {
  const part = name.slice(name.lastIndexOf('.') + 1);
  if (part === 'variance') return (u) => 0.5 + u;
  if (part === 'scale') return lastNorms.has(name) ? (u) => 0.25 + 0.25 * u : (u) => 0.75 + 0.5 * u;
  const fanIn = shape.slice(0, -1).reduce((product, side) => product * side, 1);
  const bound = shape.length === 1 ? 0.2 : Math.sqrt(6 / fanIn);
  return (u) => bound * (2 * u - 1);
}

/**
 * The scale of the last batch norm of every residual block: `bn3` where there is one, else `bn2`.
 */
function lastNormsOf(names: readonly string[]): ReadonlySet<string> {
  const all = new Set(names);
  return new Set(
    names.filter(
      (name) =>
        /\.bn3\.scale$/.test(name) ||
        (/\.bn2\.scale$/.test(name) && !all.has(name.replace('bn2', 'bn3'))),
    ),
  );
}

function weightFor(shape: readonly number[], rule: Rule, place: number, seed: number): tf.Tensor {
  const size = shape.reduce((product, side) => product * side, 1);
  const out = shape.at(-1) as number;
  const values = Float32Array.from({ length: size }, (_, n) => rule(uniformAt(n, place, seed)));
  if (shape.length === 4)
    return tf.transpose(
      tf.tensor(values, [out, shape[2] as number, shape[0] as number, shape[1] as number]),
      [2, 3, 1, 0],
    );
  if (shape.length === 2) return tf.transpose(tf.tensor(values, [out, shape[0] as number]));
  return tf.tensor(values, [...shape]);
}

/** In [0, 1): `hash` of the golden file. */
function uniformAt(n: number, place: number, seed: number): number {
  let hash =
    (Math.imul(n, 2654435761) + Math.imul(place + 1, 2246822519) + Math.imul(seed, 3266489917)) | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
