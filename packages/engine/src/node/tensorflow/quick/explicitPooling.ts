import * as tf from '@tensorflow/tfjs-core';
import type { Attribute } from '../attributes.ts';
import { attributeType } from '../constants.ts';
import { channelsLast, floatType, type KernelCall, replaceKernel } from './replace.ts';

/**
 * Max pools padded by numbers, as PyTorch's are: upstream's kernels know 'same' and 'valid' only.
 * The border is never the maximum.
 */
export function addExplicitPooling(): void {
  replaceKernel('MaxPool', (stock) => (call) => {
    const { x } = call.inputs as Record<'x', tf.Tensor>;
    return isExplicit(call)
      ? call.backend.executeSingleOutput('MaxPool', attributes(x.shape, call), [x])
      : stock(call);
  });
  replaceKernel('MaxPoolGrad', (stock) => (call) => {
    const { dy, input, output } = call.inputs as Record<'dy' | 'input' | 'output', tf.Tensor>;
    if (!isExplicit(call)) return stock(call);
    return call.backend.executeSingleOutput('MaxPoolGrad', attributes(input.shape, call), [
      input,
      output,
      dy,
    ]);
  });
}

function isExplicit({ attrs }: KernelCall): boolean {
  return typeof attrs.pad !== 'string';
}

function attributes(input: readonly number[], { attrs }: KernelCall): Attribute[] {
  const { filterSize, strides, pad, dimRoundingMode } = attrs as {
    filterSize: number;
    strides: number;
    pad: number;
    dimRoundingMode?: 'floor';
  };
  const info = tf.backend_util.computePool2DInfo(
    input as [number, number, number, number],
    filterSize,
    strides,
    1,
    pad,
    dimRoundingMode,
  );
  const { top, bottom, left, right } = info.padInfo;
  const list = (name: string, value: number[]): Attribute => ({
    name,
    type: attributeType.int,
    value,
  });
  return [
    floatType,
    list('ksize', [1, info.filterHeight, info.filterWidth, 1]),
    list('strides', [1, info.strideHeight, info.strideWidth, 1]),
    list('explicit_paddings', [0, 0, top, bottom, left, right, 0, 0]),
    { name: 'padding', type: attributeType.string, value: 'EXPLICIT' },
    channelsLast,
  ];
}
