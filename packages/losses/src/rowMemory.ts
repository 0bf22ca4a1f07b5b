import * as tf from '@tensorflow/tfjs-core';

/**
 * Writes rows of a variable that holds one for every picture. @param places int32 [batch]. @param
 * values [batch, width]. Call it in a tidy.
 */
export function writeRows(
  memory: tf.Variable<tf.Rank.R2>,
  places: tf.Tensor1D,
  values: tf.Tensor2D,
): void {
  // A copy: TF.js's cpu kernel writes into its argument, which the gradient of what was read before
  // still needs.
  memory.assign(
    tf.tensorScatterUpdate(tf.add(memory, 0), tf.expandDims(places, 1), values) as tf.Tensor2D,
  );
}
