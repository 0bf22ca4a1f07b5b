import * as tf from '@tensorflow/tfjs-core';
import { type ConvolutionAttributes, type Geometry, geometryOf, padOrCrop } from './geometry.ts';

/**
 * The gradient of a convolution to its input, of a forward one: dy, with zeros between its pixels
 * for the strides, by the filter turned round.
 * @param dy [batch, height, width, outputs]. @param filter [height, width, channels, outputs].
 * @returns [batch, height, width, channels].
 */
export function inputGradient(
  dy: tf.Tensor4D,
  filter: tf.Tensor4D,
  geometry: Geometry,
): tf.Tensor4D {
  const turned = tf.transpose(turnedRound(filter), [0, 1, 3, 2]);
  return tf.conv2d(surroundedGradient(dy, geometry), turned, 1, 'valid', 'NHWC', [
    ...geometry.dilations,
  ]);
}

/**
 * Reversed along height and width, by whole pixels: 5 to 10 times as quick as tf.reverse on `wasm`.
 */
function turnedRound(filter: tf.Tensor4D): tf.Tensor4D {
  const pixels = filter.shape[0] * filter.shape[1];
  return tf.reshape(
    tf.concat(tf.split(tf.reshape(filter, [pixels, -1]), pixels).reverse()),
    filter.shape,
  );
}

/**
 * dy with zeros between its pixels and around it, such that a stride-1 pass of the filter over it
 * gives as many pixels as the input has.
 */
export function surroundedGradient(
  dy: tf.Tensor4D,
  { input, filter, strides, dilations, before }: Geometry,
): tf.Tensor4D {
  const reach = (axis: 0 | 1): number => (filter[axis] - 1) * dilations[axis];
  const front: [number, number] = [reach(0) - before[0], reach(1) - before[1]];
  return padOrCrop(spread(dy, strides), [1, 2], front, [input[0] + reach(0), input[1] + reach(1)]);
}

/** Puts stride − 1 zeros after every pixel. */
function spread(dy: tf.Tensor4D, strides: readonly [number, number]): tf.Tensor4D {
  if (strides[0] === 1 && strides[1] === 1) return dy;
  const [batch, height, width, channels] = dy.shape;
  const wide = followedByZeros(tf.reshape(dy, [batch * height * width, channels]), strides[1]);
  const high = followedByZeros(
    tf.reshape(wide, [batch * height, width * strides[1] * channels]),
    strides[0],
  );
  return tf.reshape(high, [batch, height * strides[0], width * strides[1], channels]);
}

/** [rows, length] → [rows, times · length]. */
function followedByZeros(rows: tf.Tensor2D, times: number): tf.Tensor2D {
  const [count, length] = rows.shape;
  return times === 1 ? rows : tf.concat([rows, tf.zeros([count, (times - 1) * length])], 1);
}

/** `Conv2DBackpropInput`. */
export function conv2dBackpropInput(
  inputs: tf.NamedTensorInfoMap,
  attributes: tf.NamedAttrMap,
): tf.Tensor {
  const { dy, filter } = inputs as unknown as Record<'dy' | 'filter', tf.Tensor4D>;
  const { inputShape, ...rest } = attributes as unknown as ConvolutionAttributes & {
    inputShape: number[];
  };
  const geometry = geometryOf(inputShape, filter.shape, rest);
  // A transposed convolution may be asked for fewer outputs than its input has: what is beyond is
  // not looked at.
  return tf.tidy(() =>
    inputGradient(padOrCrop(dy, [1, 2], [0, 0], geometry.output), filter, geometry),
  );
}
