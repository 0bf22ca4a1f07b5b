import * as tf from '@tensorflow/tfjs-core';

/** How a convolution moves over an input: what its gradients need of `backend_util.Conv2DInfo`. */
export interface Geometry {
  readonly input: readonly [height: number, width: number];
  readonly output: readonly [height: number, width: number];
  readonly filter: readonly [height: number, width: number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  /** Padding above the input and left of it. */
  readonly before: readonly [number, number];
}

/** The attributes that TF.js hands to the kernels of convolution gradients. */
export interface ConvolutionAttributes {
  readonly strides: [number, number] | number;
  readonly dilations?: [number, number] | number;
  readonly pad: Parameters<typeof tf.backend_util.computeConv2DInfo>[4];
  readonly dataFormat?: 'NHWC' | 'NCHW';
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/**
 * @param input [batch, height, width, channels]. @param filter [height, width, channels, channels
 * or multiplier].
 */
export function geometryOf(
  input: readonly number[],
  filter: readonly number[],
  attributes: ConvolutionAttributes,
  depthwise = false,
): Geometry {
  const { strides, dilations = 1, pad, dataFormat = 'NHWC', dimRoundingMode } = attributes;
  if (dataFormat !== 'NHWC')
    throw new Error(
      `engine: expected the data format NHWC for a convolution's gradient, got ${dataFormat}.`,
    );
  const shapes = [input, filter] as [
    [number, number, number, number],
    [number, number, number, number],
  ];
  const info = tf.backend_util.computeConv2DInfo(
    ...shapes,
    strides,
    dilations,
    pad,
    dimRoundingMode,
    depthwise,
  );
  return {
    input: [info.inHeight, info.inWidth],
    output: [info.outHeight, info.outWidth],
    filter: [info.filterHeight, info.filterWidth],
    strides: [info.strideHeight, info.strideWidth],
    dilations: [info.dilationHeight, info.dilationWidth],
    before: [info.padInfo.top, info.padInfo.left],
  };
}

/**
 * Pads two axes of a tensor with zeros, or crops them where a number is negative.
 * @param axes The two axes. @param before [first, second]. @param lengths What the axes measure
 * afterwards.
 */
export function padOrCrop(
  x: tf.Tensor4D,
  axes: readonly [number, number],
  before: readonly [number, number],
  lengths: readonly [number, number],
): tf.Tensor4D {
  const start = [0, 0, 0, 0];
  const size = [...x.shape];
  const padding: [number, number][] = [
    [0, 0],
    [0, 0],
    [0, 0],
    [0, 0],
  ];
  axes.forEach((axis, at) => {
    const front = before[at as 0 | 1];
    const whole = x.shape[axis] as number;
    const length = lengths[at as 0 | 1];
    start[axis] = Math.max(0, -front);
    size[axis] = Math.min(whole - (start[axis] as number), length - Math.max(0, front));
    padding[axis] = [Math.max(0, front), length - Math.max(0, front) - (size[axis] as number)];
  });
  const isWhole = size.every((side, axis) => side === x.shape[axis]);
  const cropped = isWhole
    ? x
    : tf.slice4d(
        x,
        start as [number, number, number, number],
        size as [number, number, number, number],
      );
  return padding.every(([front, back]) => front === 0 && back === 0)
    ? cropped
    : tf.pad(cropped, padding);
}
