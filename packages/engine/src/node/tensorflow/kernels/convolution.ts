import * as tf from '@tensorflow/tfjs-core';
import type { Attribute } from '../capi/attributes.ts';
import { attributeType, dataType } from '../capi/types.ts';
import {
  channelsLast,
  floatType,
  intAttribute,
  type NodeKernelCall,
  replaceNodeKernel,
  runKernel,
} from './replaceKernel.ts';

type Shape4D = [number, number, number, number];
type Padding = Parameters<typeof tf.backend_util.computeConv2DInfo>[4];

/**
 * Registers convolutions with explicit padding, as PyTorch's are: upstream's kernels have 'same' and
 * 'valid' only, TensorFlow has all of them. oneDNN has the backward passes of named paddings only,
 * and Eigen's for the rest are slow: on the CPU they run on a padded map.
 */
export function registerExplicitPadding(): void {
  replaceNodeKernel('Conv2D', (stock) => (call) => {
    const { x, filter } = call.inputs as Record<'x' | 'filter', tf.Tensor>;
    if (!hasExplicitPadding(call)) return stock(call);
    const convolution = computeConvolution(x.shape, filter.shape, call);
    return call.backend.executeSingleOutput(
      'Conv2D',
      convolutionAttributes(convolution, 'EXPLICIT'),
      [x, filter],
    );
  });
  replaceNodeKernel('Conv2DBackpropInput', (stock) => (call) => {
    const { dy, filter } = call.inputs as Record<'dy' | 'filter', tf.Tensor>;
    if (!hasExplicitPadding(call)) return stock(call);
    const shape = call.attrs.inputShape as Shape4D;
    const convolution = computeConvolution(shape, filter.shape, call);
    const run = (padding: 'EXPLICIT' | 'VALID', input: Shape4D) =>
      withShape(input, (sizes) =>
        call.backend.executeSingleOutput(
          'Conv2DBackpropInput',
          convolutionAttributes(convolution, padding),
          [sizes, filter, dy],
        ),
      );
    if (call.backend.binding.isUsingGpuDevice()) return run('EXPLICIT', shape);
    const { padded, origin } = padMap(shape, convolution);
    return tf.tidy(() => tf.slice(run('VALID', padded), origin, shape));
  });
  replaceNodeKernel('Conv2DBackpropFilter', (stock) => (call) => {
    const { x, dy } = call.inputs as Record<'x' | 'dy', tf.Tensor>;
    if (!hasExplicitPadding(call)) return stock(call);
    const shape = call.attrs.filterShape as Shape4D;
    const convolution = computeConvolution(x.shape, shape, call);
    const run = (padding: 'EXPLICIT' | 'VALID', input: tf.Tensor) =>
      withShape(shape, (sizes) =>
        call.backend.executeSingleOutput(
          'Conv2DBackpropFilter',
          convolutionAttributes(convolution, padding),
          [input, sizes, dy],
        ),
      );
    if (call.backend.binding.isUsingGpuDevice()) return run('EXPLICIT', x);
    const { paddings } = padMap(x.shape as Shape4D, convolution);
    return tf.tidy(() => run('VALID', tf.pad(x, paddings)));
  });
}

function hasExplicitPadding({ attrs }: NodeKernelCall): boolean {
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

type Convolution = ReturnType<typeof tf.backend_util.computeConv2DInfo>;

function computeConvolution(
  input: readonly number[],
  filter: readonly number[],
  { attrs }: NodeKernelCall,
): Convolution {
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

/** The padded map, with as much padding as the filter reaches, and the origin of the map in it. */
function padMap([rows, height, width, channels]: Shape4D, convolution: Convolution) {
  const { top, left } = convolution.padInfo;
  const bottom = Math.max(
    0,
    (convolution.outHeight - 1) * convolution.strideHeight +
      convolution.effectiveFilterHeight -
      top -
      height,
  );
  const right = Math.max(
    0,
    (convolution.outWidth - 1) * convolution.strideWidth +
      convolution.effectiveFilterWidth -
      left -
      width,
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

function convolutionAttributes(
  convolution: Convolution,
  padding: 'EXPLICIT' | 'VALID',
): Attribute[] {
  const { top, bottom, left, right } = convolution.padInfo;
  return [
    floatType,
    intAttribute('strides', [1, convolution.strideHeight, convolution.strideWidth, 1]),
    intAttribute('dilations', [1, convolution.dilationHeight, convolution.dilationWidth, 1]),
    intAttribute(
      'explicit_paddings',
      padding === 'EXPLICIT' ? [0, 0, top, bottom, left, right, 0, 0] : [],
    ),
    { name: 'padding', type: attributeType.string, value: padding },
    { name: 'use_cudnn_on_gpu', type: attributeType.bool, value: true },
    channelsLast,
  ];
}

/** The activations of `_FusedConv2D`, by TF.js's names. */
const activations = {
  linear: { op: [], apply: (x: tf.Tensor) => x },
  relu: { op: ['Relu'], apply: (x: tf.Tensor) => tf.relu(x) },
  relu6: { op: ['Relu6'], apply: (x: tf.Tensor) => tf.relu6(x) },
} as const;

/**
 * Registers `FusedConv2D`: convolution, bias and ReLU (or ReLU6) as TensorFlow's `_FusedConv2D` in
 * compiled functions on the CPU, where oneDNN takes it over when the graph is made. Run eagerly that
 * op has no oneDNN and is slower: there, and for all other activations, it is a convolution, BiasAdd
 * and the activation, explicit paddings included, which upstream's kernel refuses.
 */
export function registerFusedConvolution(): void {
  replaceNodeKernel('FusedConv2D', (stock) => (call) => {
    const { x, filter, bias } = call.inputs as {
      x: tf.Tensor;
      filter: tf.Tensor;
      bias?: tf.Tensor;
    };
    const { activation = 'linear', dataFormat } = call.attrs as {
      activation?: string;
      dataFormat: string;
    };
    if (dataFormat !== 'NHWC' || !(activation in activations)) return stock(call);
    const { op, apply } = activations[activation as keyof typeof activations];
    const { binding } = call.backend;
    if (bias?.shape.length === 1 && binding.trace !== undefined && !binding.isUsingGpuDevice()) {
      return call.backend.executeSingleOutput(
        '_FusedConv2D',
        fusedAttributes(x.shape, filter.shape, call, ['BiasAdd', ...op]),
        [x, filter, bias],
      );
    }
    return tf.tidy(() => {
      const products = runKernel('Conv2D', { x, filter }, call.attrs);
      return apply(bias === undefined ? products : tf.add(products, bias));
    });
  });
}

function fusedAttributes(
  input: readonly number[],
  filter: readonly number[],
  call: NodeKernelCall,
  fusedOps: string[],
): Attribute[] {
  const info = computeConvolution(input, filter, call);
  const { top, bottom, left, right, type } = info.padInfo;
  const isNamed = type === 'SAME' || type === 'VALID';
  return [
    floatType,
    { name: 'TArgs', type: attributeType.type, value: [dataType.float32] },
    intAttribute('num_args', 1),
    intAttribute('num_host_args', 0),
    intAttribute('strides', [1, info.strideHeight, info.strideWidth, 1]),
    intAttribute('dilations', [1, info.dilationHeight, info.dilationWidth, 1]),
    { name: 'padding', type: attributeType.string, value: isNamed ? type : 'EXPLICIT' },
    intAttribute('explicit_paddings', isNamed ? [] : [0, 0, top, bottom, left, right, 0, 0]),
    { name: 'fused_ops', type: attributeType.string, value: fusedOps },
    channelsLast,
  ];
}
