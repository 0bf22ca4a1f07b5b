import { reshape, type Tensor, type Tensor2D } from '@tensorflow/tfjs-core';

/** Whatever a feature's shape, one row for each example: [batch, all]. */
export function flat(feature: Tensor): Tensor2D {
  return reshape(feature, [feature.shape[0] as number, -1]);
}
