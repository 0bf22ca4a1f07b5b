import * as tf from '@tensorflow/tfjs-core';
import { extentOf, type LayerFactories, makeLayers, weightsOf } from './compose.ts';
import { applyInOrder, type LayerFactory } from './layer.ts';
import { partsOf } from './parts.ts';

export interface ConcatOptions {
  /** Channels in. */
  readonly from: number;
  /** Layers by name; each sees x. */
  readonly branches: LayerFactories;
}

/** The channels of all branches of x side by side, in the order in which they are written. */
export function concat({ from, branches: plans }: ConcatOptions): LayerFactory {
  return (name, seed) => {
    const branches = makeLayers(plans, `${name}.`, seed);
    return {
      name,
      channels: branches.reduce((sum, { channels = from }) => sum + channels, 0),
      stride: extentOf(branches.slice(0, 1)).stride,
      weights: weightsOf(branches),
      parts: [{ does: 'concatenate', branches: branches.map((branch) => partsOf([branch])) }],
      apply(x, mode) {
        return tf.tidy(() =>
          tf.concat(
            branches.map((branch) => applyInOrder([branch], x, mode)),
            -1,
          ),
        );
      },
    };
  };
}
