import type { ProcessGroup } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * Sums many float32 tensors over a group in one go: they lie in one bucket, so that the processes
 * talk once. Only tensors; call it in a tidy.
 */
export function sumOfAll(group: ProcessGroup, tensors: readonly tf.Tensor[]): tf.Tensor[] {
  const bucket = group.allReduceSum(
    tf.concat1d(tensors.map((tensor) => tf.reshape(tensor, [tensor.size]))),
  );
  const parts = tf.split(
    bucket,
    tensors.map(({ size }) => size),
  );
  return tensors.map(({ shape }, at) => tf.reshape(parts[at] as tf.Tensor, shape));
}
