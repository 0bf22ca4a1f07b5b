import type { Network } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * Gives a network the weights of the rule in the golden file (`resnet.rule`, `resnet.hash`): each number a hash of its place in PyTorch's tensor
 * (OIHW for convolutions, (out, in) for linear layers), of the tensor's place in the state_dict and of the seed.
 * @param network Its weights in the order of PyTorch's state_dict: kernels and biases.
 */
export function fillByRule(network: Network, seed: number): void {
  for (const [place, weight] of Object.values(network.weights).entries()) {
    tf.tidy(() => weight.assign(weightFor(weight.shape, place, seed)));
  }
}

function weightFor(shape: readonly number[], place: number, seed: number): tf.Tensor {
  const size = shape.reduce((product, side) => product * side, 1);
  const out = shape.at(-1) as number;
  const scale = shape.length === 1 ? 0.2 : Math.sqrt((6 * out) / size);
  const values = Float32Array.from({ length: size }, (_, n) => scale * (2 * uniformAt(n, place, seed) - 1));
  if (shape.length === 4) return tf.transpose(tf.tensor(values, [out, shape[2] as number, shape[0] as number, shape[1] as number]), [2, 3, 1, 0]);
  if (shape.length === 2) return tf.transpose(tf.tensor(values, [out, shape[0] as number]));
  return tf.tensor(values, [...shape]);
}

/** In [0, 1): `hash` of the golden file. */
function uniformAt(n: number, place: number, seed: number): number {
  let hash = (Math.imul(n, 2654435761) + Math.imul(place + 1, 2246822519) + Math.imul(seed, 3266489917)) | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
