import { deriveSeed, randomUniform } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { l2Normalize } from './math.ts';

/**
 * A vector for every image of the dataset, [datasetSize, width]: a moving average of the image's
 * embeddings.
 */
export interface MemoryBank {
  readonly entries: tf.Variable<tf.Rank.R2>;
  /**
   * @param indices int32 [batch].
   * @returns [batch, width].
   */
  read(indices: tf.Tensor1D): tf.Tensor2D;
  /**
   * Moves entries towards new values: normalized(momentum · entry + (1 − momentum) · value).
   * @param indices int32 [batch].
   */
  update(indices: tf.Tensor1D, values: tf.Tensor2D, momentum: number): void;
}

/**
 * Creates a memory bank whose initial values are uniform in ±1/√(width/3): vectors of length about
 * 1.
 */
export function createMemoryBank(datasetSize: number, width: number, seed: number): MemoryBank {
  const bound = 1 / Math.sqrt(width / 3);
  const entries = tf.tidy(() => {
    const words = tf.tensor1d(
      [deriveSeed(seed, 'memory', 0) | 0, deriveSeed(seed, 'memory', 1) | 0],
      'int32',
    );
    return tf.variable(
      tf.mul<tf.Tensor2D>(tf.sub(randomUniform([datasetSize, width], words), 0.5), 2 * bound),
      false,
    );
  }) as tf.Variable<tf.Rank.R2>;
  const read = (indices: tf.Tensor1D): tf.Tensor2D => tf.gather(entries, indices);
  return {
    entries,
    read,
    update(indices, values, momentum) {
      tf.tidy(() => {
        const mixed = tf.add<tf.Tensor2D>(
          tf.mul(read(indices), momentum),
          tf.mul(values, 1 - momentum),
        );
        writeRows(entries, indices, l2Normalize(mixed));
      });
    },
  };
}

/**
 * Writes rows of a variable that has one for every image. To be called in a tidy.
 * @param indices int32 [batch].
 * @param values [batch, width].
 */
export function writeRows(
  memory: tf.Variable<tf.Rank.R2>,
  indices: tf.Tensor1D,
  values: tf.Tensor2D,
): void {
  // A copy: TensorFlow.js's cpu kernel writes into its argument, which the gradient of an earlier
  // read still needs.
  memory.assign(
    tf.tensorScatterUpdate(tf.add(memory, 0), tf.expandDims(indices, 1), values) as tf.Tensor2D,
  );
}
