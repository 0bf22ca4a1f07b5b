import { type ProcessGroup, shardRange } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * Puts the columns that the processes have of a matrix side by side, for all: each adds zeros where
 * the others have theirs. @param mine [rows, columns of this shard]. @param count Columns in all.
 */
export function gatherColumns(group: ProcessGroup, mine: tf.Tensor2D, count: number): tf.Tensor2D {
  const { from, to } = shardRange(count, group);
  return tf.tidy(() =>
    group.allReduceSum(
      tf.pad2d(mine, [
        [0, 0],
        [from, count - to],
      ]),
    ),
  );
}
