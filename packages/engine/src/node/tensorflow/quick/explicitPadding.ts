import * as tf from '@tensorflow/tfjs-core';
import type { Attribute } from '../attributes.ts';
import { attributeType } from '../constants.ts';
import type { KernelCall } from './replace.ts';
import { channelsLast, floatType, replaceKernel } from './replace.ts';

type Shape4D = [number, number, number, number];
type Padding = Parameters<typeof tf.backend_util.computeConv2DInfo>[4];

/**
 * Convolutions padded by numbers, as PyTorch's are: upstream's kernels know 'same' and 'valid'
 * only, TensorFlow knows them all. oneDNN has the backward
 * passes of named paddings only, and Eigen's for the rest are slow: on the CPU they run on a padded
 * map.
 */
export function addExplicitPadding(): void {
  replaceKernel('Conv2D', (stock) => (call) => {
    const { x, filter } = call.inputs as Record<'x' | 'filter', tf.Tensor>;
    if (!isExplicit(call)) return stock(call);
    const geometry = geometryOf(x.shape, filter.shape, call);
    return call.backend.executeSingleOutput('Conv2D', attributes(geometry, 'EXPLICIT'), [
      x,
      filter,
    ]);
  });
  replaceKernel('Conv2DBackpropInput', (stock) => (call) => {
    const { dy, filter } = call.inputs as Record<'dy' | 'filter', tf.Tensor>;
    if (!isExplicit(call)) return stock(call);
    const shape = call.attrs.inputShape as Shape4D;
    const geometry = geometryOf(shape, filter.shape, call);
    const run = (padding: 'EXPLICIT' | 'VALID', input: Shape4D) =>
      withShape(input, (sizes) =>
        call.backend.executeSingleOutput('Conv2DBackpropInput', attributes(geometry, padding), [
          sizes,
          filter,
          dy,
        ]),
      );
    if (call.backend.binding.isUsingGpuDevice()) return run('EXPLICIT', shape);
    const { padded, origin } = frameOf(shape, geometry);
    return tf.tidy(() => tf.slice(run('VALID', padded), origin, shape));
  });
  replaceKernel('Conv2DBackpropFilter', (stock) => (call) => {
    const { x, dy } = call.inputs as Record<'x' | 'dy', tf.Tensor>;
    if (!isExplicit(call)) return stock(call);
    const shape = call.attrs.filterShape as Shape4D;
    const geometry = geometryOf(x.shape, shape, call);
    const run = (padding: 'EXPLICIT' | 'VALID', input: tf.Tensor) =>
      withShape(shape, (sizes) =>
        call.backend.executeSingleOutput('Conv2DBackpropFilter', attributes(geometry, padding), [
          input,
          sizes,
          dy,
        ]),
      );
    if (call.backend.binding.isUsingGpuDevice()) return run('EXPLICIT', x);
    const { paddings } = frameOf(x.shape as Shape4D, geometry);
    return tf.tidy(() => run('VALID', tf.pad(x, paddings)));
  });
}

function isExplicit({ attrs }: KernelCall): boolean {
  return typeof attrs.pad !== 'string' && attrs.dataFormat === 'NHWC';
}

function withShape(shape: Shape4D, run: (sizes: tf.Tensor) => tf.Tensor): tf.Tensor {
  const sizes = tf.tensor1d(shape, 'int32');
  try {
    return run(sizes);
  } finally {
    sizes.dispose();
  }
}

type Geometry = ReturnType<typeof tf.backend_util.computeConv2DInfo>;

function geometryOf(
  input: readonly number[],
  filter: readonly number[],
  { attrs }: KernelCall,
): Geometry {
  const {
    strides,
    dilations = 1,
    pad,
    dimRoundingMode,
  } = attrs as { strides: number; dilations?: number; pad: Padding; dimRoundingMode?: 'floor' };
  return tf.backend_util.computeConv2DInfo(
    input as Shape4D,
    filter as Shape4D,
    strides,
    dilations,
    pad,
    dimRoundingMode,
  );
}

/** How a map lies in a padded one, with as much padding as the filter gets to see. */
function frameOf([rows, height, width, channels]: Shape4D, geometry: Geometry) {
  const { top, left } = geometry.padInfo;
  const bottom = Math.max(
    0,
    (geometry.outHeight - 1) * geometry.strideHeight +
      geometry.effectiveFilterHeight -
      top -
      height,
  );
  const right = Math.max(
    0,
    (geometry.outWidth - 1) * geometry.strideWidth + geometry.effectiveFilterWidth - left - width,
  );
  const padded: Shape4D = [rows, top + height + bottom, left + width + right, channels];
  const paddings: [number, number][] = [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ];
  return { padded, paddings, origin: [0, top, left, 0] };
}

function attributes(geometry: Geometry, padding: 'EXPLICIT' | 'VALID'): Attribute[] {
  const { top, bottom, left, right } = geometry.padInfo;
  const list = (name: string, value: number[]): Attribute => ({
    name,
    type: attributeType.int,
    value,
  });
  return [
    floatType,
    list('strides', [1, geometry.strideHeight, geometry.strideWidth, 1]),
    list('dilations', [1, geometry.dilationHeight, geometry.dilationWidth, 1]),
    list('explicit_paddings', padding === 'EXPLICIT' ? [0, 0, top, bottom, left, right, 0, 0] : []),
    { name: 'padding', type: attributeType.string, value: padding },
    { name: 'use_cudnn_on_gpu', type: attributeType.bool, value: true },
    channelsLast,
  ];
}
