import * as tf from '@tensorflow/tfjs-core';
import { type ConvolutionAttributes, type Geometry, geometryOf, padOrCrop } from './geometry.ts';
import { surroundedGradient } from './inputGradient.ts';

/**
 * The gradient of a depthwise convolution to its filter: for each place in the filter, the pixels
 * it met by what came of them, summed.
 * @param x [batch, height, width, channels]. @param dy [batch, height, width, channels ·
 * multiplier]. @returns [height, width, channels, multiplier].
 */
export function depthwiseFilterGradient(
  x: tf.Tensor4D,
  dy: tf.Tensor4D,
  multiplier: number,
  geometry: Geometry,
): tf.Tensor4D {
  const channels = x.shape[3];
  const { output, filter, strides, dilations, before } = geometry;
  const met = (axis: 0 | 1): number => (output[axis] - 1) * strides[axis] + 1;
  const seen = padOrCrop(x, [1, 2], before, [
    met(0) + (filter[0] - 1) * dilations[0],
    met(1) + (filter[1] - 1) * dilations[1],
  ]);
  const rows = tf.reshape(dy, [-1, channels, multiplier]);
  const places: tf.Tensor[] = [];
  for (let row = 0; row < filter[0]; row++) {
    for (let column = 0; column < filter[1]; column++) {
      const begin: [number, number, number, number] = [
        0,
        row * dilations[0],
        column * dilations[1],
        0,
      ];
      const end: [number, number, number, number] = [
        x.shape[0],
        (begin[1] as number) + met(0),
        (begin[2] as number) + met(1),
        channels,
      ];
      const pixels = tf.reshape(tf.stridedSlice(seen, begin, end, [1, ...strides, 1]), [
        -1,
        channels,
        1,
      ]);
      places.push(tf.sum(tf.mul(pixels, rows), 0));
    }
  }
  return tf.reshape(tf.stack(places), [...filter, channels, multiplier]);
}

/**
 * The gradient of a depthwise convolution to its input: a depthwise convolution of dy, spread by
 * the strides, by the filter turned round.
 * @param dy [batch, height, width, channels · multiplier]. @param filter [height, width, channels,
 * multiplier].
 */
export function depthwiseInputGradient(
  dy: tf.Tensor4D,
  filter: tf.Tensor4D,
  geometry: Geometry,
): tf.Tensor4D {
  const [height, width, channels, multiplier] = filter.shape;
  const turned: tf.Tensor4D = tf.reshape(tf.reverse(filter, [0, 1]), [
    height,
    width,
    channels * multiplier,
    1,
  ]);
  const all = tf.depthwiseConv2d(surroundedGradient(dy, geometry), turned, 1, 'valid', 'NHWC', [
    ...geometry.dilations,
  ]);
  if (multiplier === 1) return all;
  const [batch, rows, columns] = all.shape;
  return tf.reshape(tf.sum(tf.reshape(all, [batch * rows * columns, channels, multiplier]), 2), [
    batch,
    rows,
    columns,
    channels,
  ]);
}

/** `DepthwiseConv2dNativeBackpropFilter`. */
export function depthwiseBackpropFilter(
  inputs: tf.NamedTensorInfoMap,
  attributes: tf.NamedAttrMap,
): tf.Tensor {
  const { x, dy } = inputs as unknown as Record<'x' | 'dy', tf.Tensor4D>;
  const { filterShape, ...rest } = attributes as unknown as ConvolutionAttributes & {
    filterShape: [number, number, number, number];
  };
  return tf.tidy(() =>
    depthwiseFilterGradient(x, dy, filterShape[3], geometryOf(x.shape, filterShape, rest, true)),
  );
}

/** `DepthwiseConv2dNativeBackpropInput`. */
export function depthwiseBackpropInput(
  inputs: tf.NamedTensorInfoMap,
  attributes: tf.NamedAttrMap,
): tf.Tensor {
  const { dy, filter } = inputs as unknown as Record<'dy' | 'filter', tf.Tensor4D>;
  const { inputShape, ...rest } = attributes as unknown as ConvolutionAttributes & {
    inputShape: number[];
  };
  return tf.tidy(() =>
    depthwiseInputGradient(dy, filter, geometryOf(inputShape, filter.shape, rest, true)),
  );
}
