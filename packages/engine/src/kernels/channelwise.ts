import * as tf from '@tensorflow/tfjs-core';

/**
 * x · scale + shift for each channel, as a depthwise convolution with a filter of one pixel: one
 * pass over x instead of two.
 * @param x [batch, height, width, channels]. @param scale [channels]. @param shift [channels];
 * nothing where it is left out. @returns As x.
 */
export function scaleChannels(
  x: tf.Tensor4D,
  scale: tf.Tensor1D,
  shift?: tf.Tensor1D,
): tf.Tensor4D {
  const filter: tf.Tensor4D = tf.reshape(scale, [1, 1, scale.size, 1]);
  return tf.fused.depthwiseConv2d({
    x,
    filter,
    strides: 1,
    pad: 'valid',
    ...(shift && { bias: shift }),
  });
}

/**
 * Mean over all places of each channel. @param x [batch, height, width, channels]. @returns
 * [channels].
 */
export function meanOfChannels(x: tf.Tensor4D): tf.Tensor1D {
  return tf.mean(x, [0, 1, 2]);
}
