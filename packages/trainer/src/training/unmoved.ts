import type { Variable } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * Runs what may assign variables (a loss with a memory does) and gives them back what they held.
 * Call it in a tidy.
 */
export function unmoved<Result>(
  weights: Readonly<Record<string, Variable>>,
  run: () => Result,
): Result {
  const held = Object.values(weights).map((weight) => ({
    weight,
    before: tf.clone<tf.Tensor>(weight),
  }));
  const result = run();
  for (const { weight, before } of held) if (weight.dataId !== before.dataId) weight.assign(before);
  return result;
}
