import { deriveSeed, randomUniform } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { l2Normalize } from './math.ts';

/**
 * A row for every picture of the set, [pictures, width]: what was said of it last, mixed with what
 * was said before.
 */
export interface MemoryBank {
  readonly entries: tf.Variable<tf.Rank.R2>;
  /** @param places int32 [batch]. @returns [batch, width]. */
  read(indices: tf.Tensor1D): tf.Tensor2D;
  /** Rows become unit(momentum · row + (1 − momentum) · value). @param places int32 [batch]. */
  update(indices: tf.Tensor1D, values: tf.Tensor2D, momentum: number): void;
}

/** Rows are uniform in ±1/√(width/3) at first: of length about 1. */
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
 * Writes rows of a variable that holds one for every picture. @param places int32 [batch]. @param
 * values [batch, width]. Call it in a tidy.
 */
export function writeRows(
  memory: tf.Variable<tf.Rank.R2>,
  indices: tf.Tensor1D,
  values: tf.Tensor2D,
): void {
  // A copy: TF.js's cpu kernel writes into its argument, which the gradient of what was read before
  // still needs.
  memory.assign(
    tf.tensorScatterUpdate(tf.add(memory, 0), tf.expandDims(indices, 1), values) as tf.Tensor2D,
  );
}
