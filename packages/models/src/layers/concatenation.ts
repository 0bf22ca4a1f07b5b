import { concat, tidy } from '@tensorflow/tfjs-core';
import { extentOf, type LayerPlans, makeLayers, weightsOf } from './compose.ts';
import { applyInOrder, type LayerPlan } from './layer.ts';
import { partsOf } from './parts.ts';

export interface ConcatenationOptions {
  /** Channels in. */
  readonly from: number;
  /** Layers by name; each sees x. */
  readonly branches: LayerPlans;
}

/** The channels of all branches of x side by side, in the order in which they are written. */
export function concatenation({ from, branches: plans }: ConcatenationOptions): LayerPlan {
  return (name, seed) => {
    const branches = makeLayers(plans, `${name}.`, seed);
    return {
      name,
      channels: branches.reduce((sum, { channels = from }) => sum + channels, 0),
      stride: extentOf(branches.slice(0, 1)).stride,
      weights: weightsOf(branches),
      parts: [{ does: 'concatenate', branches: branches.map((branch) => partsOf([branch])) }],
      apply(x, mode) {
        return tidy(() =>
          concat(
            branches.map((branch) => applyInOrder([branch], x, mode)),
            -1,
          ),
        );
      },
    };
  };
}
