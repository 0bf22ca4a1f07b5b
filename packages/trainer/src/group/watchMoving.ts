import type { Variable } from '@tensorflow/tfjs-core';

/**
 * @returns Says which of the float32 variables that no gradient moves (averages of batch
 * normalization …) were assigned since, in order.
 */
export function watchMoving(
  records: readonly Readonly<Record<string, Variable>>[],
): () => Variable[] {
  const still = records
    .flatMap((weights) => Object.values(weights))
    .filter(({ trainable, dtype }) => !trainable && dtype === 'float32');
  const before = still.map(({ dataId }) => dataId);
  return () => still.filter(({ dataId }, at) => dataId !== before[at]);
}
