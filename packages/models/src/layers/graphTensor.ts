import type { GraphTensor } from '@kd/core';
import type { Tensor } from '@tensorflow/tfjs-core';

/** The values of a tensor as weights of a graph. */
export function graphTensor(tensor: Tensor): GraphTensor {
  return { shape: tensor.shape, values: tensor.dataSync<'float32'>() };
}

/** The bias of a layer that has none. */
export function zeroBias(to: number): GraphTensor {
  return { shape: [to], values: new Float32Array(to) };
}
