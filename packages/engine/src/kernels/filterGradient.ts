import * as tf from '@tensorflow/tfjs-core';
import { type ConvolutionAttributes, type Geometry, geometryOf, padOrCrop } from './geometry.ts';

/**
 * The gradient of a convolution to its filter, of forward convolutions:
 *   ∂filter[i, j, c, d] = Σ over b, h, w of x[b, h·stride + i·dilation − before, w·…, c] · dy[b, h,
 *   w, d],
 * which is a convolution of x by dy in which channels are the batch and the batch is the channels,
 * dilated by the strides.
 * @param x [batch, height, width, channels]. @param dy [batch, height, width, outputs]. @returns
 * [height, width, channels, outputs].
 */
export function filterGradient(x: tf.Tensor4D, dy: tf.Tensor4D, geometry: Geometry): tf.Tensor4D {
  const channelsAsBatch = tf.transpose(x, [3, 1, 2, 0]);
  const dyAsFilter = tf.transpose(dy, [1, 2, 0, 3]);
  const seen = padOrCrop(channelsAsBatch, [1, 2], geometry.before, spanOf(geometry));
  return tf.transpose(
    tf.conv2d(seen, dyAsFilter, [...geometry.dilations], 'valid', 'NHWC', [...geometry.strides]),
    [1, 2, 0, 3],
  );
}

/** How much of the padded input the filter passes over. */
function spanOf({ output, filter, strides, dilations }: Geometry): [number, number] {
  const span = (axis: 0 | 1): number =>
    (output[axis] - 1) * strides[axis] + (filter[axis] - 1) * dilations[axis] + 1;
  return [span(0), span(1)];
}

/** `Conv2DBackpropFilter`. */
export function conv2dBackpropFilter(
  inputs: tf.NamedTensorInfoMap,
  attributes: tf.NamedAttrMap,
): tf.Tensor {
  const { x, dy } = inputs as unknown as Record<'x' | 'dy', tf.Tensor4D>;
  const { filterShape, ...rest } = attributes as unknown as ConvolutionAttributes & {
    filterShape: number[];
  };
  return tf.tidy(() => filterGradient(x, dy, geometryOf(x.shape, filterShape, rest)));
}
