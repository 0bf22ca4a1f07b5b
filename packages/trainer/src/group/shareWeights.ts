import type { ProcessGroup } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * Gives every process the first one's weights. @param weights The same names and shapes everywhere.
 */
export function shareWeights(
  group: ProcessGroup,
  weights: Readonly<Record<string, tf.Variable>>,
): void {
  for (const weight of Object.values(weights)) {
    tf.tidy(() => {
      const numbers = weight.dtype === 'float32' ? tf.clone(weight) : tf.cast(weight, 'int32');
      const shared = group.allReduceSum(group.rank === 0 ? numbers : tf.zerosLike(numbers));
      weight.assign(weight.dtype === 'bool' ? tf.cast(shared, 'bool') : shared);
    });
  }
}
