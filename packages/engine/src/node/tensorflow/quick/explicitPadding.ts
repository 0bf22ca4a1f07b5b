import * as tf from '@tensorflow/tfjs-core';
import type { Attribute } from '../attributes.ts';
import { attributeType } from '../constants.ts';
import type { KernelCall } from './replace.ts';
import { channelsLast, floatType, replaceKernel } from './replace.ts';

type Shape4D = [number, number, number, number];
type Padding = Parameters<typeof tf.backend_util.computeConv2DInfo>[4];

/** Convolutions padded by numbers, as PyTorch's are: upstream's kernels know 'same' and 'valid' only, TensorFlow knows them all. */
export function addExplicitPadding(): void {
  replaceKernel('Conv2D', (stock) => (call) => {
    const { x, filter } = call.inputs as Record<'x' | 'filter', tf.Tensor>;
    if (!isExplicit(call)) return stock(call);
    return call.backend.executeSingleOutput('Conv2D', attributes(x.shape, filter.shape, call), [x, filter]);
  });
  replaceKernel('Conv2DBackpropInput', (stock) => (call) => {
    const { dy, filter } = call.inputs as Record<'dy' | 'filter', tf.Tensor>;
    if (!isExplicit(call)) return stock(call);
    const shape = call.attrs.inputShape as Shape4D;
    return withShape(shape, (sizes) =>
      call.backend.executeSingleOutput('Conv2DBackpropInput', attributes(shape, filter.shape, call), [sizes, filter, dy]),
    );
  });
  replaceKernel('Conv2DBackpropFilter', (stock) => (call) => {
    const { x, dy } = call.inputs as Record<'x' | 'dy', tf.Tensor>;
    if (!isExplicit(call)) return stock(call);
    const shape = call.attrs.filterShape as Shape4D;
    return withShape(shape, (sizes) => call.backend.executeSingleOutput('Conv2DBackpropFilter', attributes(x.shape, shape, call), [x, sizes, dy]));
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

function attributes(input: readonly number[], filter: readonly number[], { attrs }: KernelCall): Attribute[] {
  const { strides, dilations = 1, pad, dimRoundingMode } = attrs as { strides: number; dilations?: number; pad: Padding; dimRoundingMode?: 'floor' };
  const info = tf.backend_util.computeConv2DInfo(input as Shape4D, filter as Shape4D, strides, dilations, pad, dimRoundingMode);
  const { top, bottom, left, right } = info.padInfo;
  const list = (name: string, value: number[]): Attribute => ({ name, type: attributeType.int, value });
  return [
    floatType,
    list('strides', [1, info.strideHeight, info.strideWidth, 1]),
    list('dilations', [1, info.dilationHeight, info.dilationWidth, 1]),
    list('explicit_paddings', [0, 0, top, bottom, left, right, 0, 0]),
    { name: 'padding', type: attributeType.string, value: 'EXPLICIT' },
    { name: 'use_cudnn_on_gpu', type: attributeType.bool, value: true },
    channelsLast,
  ];
}
