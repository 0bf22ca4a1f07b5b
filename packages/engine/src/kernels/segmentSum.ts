import * as tf from '@tensorflow/tfjs-core';

/**
 * `UnsortedSegmentSum`, the gradient of gather: rows of x summed by their segment, as a product
 * with one-hot rows. @returns [segments, …].
 */
export function unsortedSegmentSum(
  inputs: tf.NamedTensorInfoMap,
  attributes: tf.NamedAttrMap,
): tf.Tensor {
  const { x, segmentIds } = inputs as unknown as { x: tf.Tensor; segmentIds: tf.Tensor1D };
  const segments = attributes.numSegments as number;
  return tf.tidy(() => {
    const [rows, ...rest] = x.shape as [number, ...number[]];
    // Not tf.oneHot, which refuses a single segment.
    const membership = tf.cast(
      tf.equal(
        tf.reshape(tf.range(0, segments, 1, 'int32'), [segments, 1]),
        tf.reshape(segmentIds, [1, rows]),
      ),
      'float32',
    );
    const sums = tf.matMul(membership, tf.reshape(tf.cast(x, 'float32'), [rows, -1]));
    return tf.cast(tf.reshape(sums, [segments, ...rest]), x.dtype);
  });
}
