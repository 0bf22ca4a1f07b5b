import * as tf from '@tensorflow/tfjs-core';
import type { Attribute } from '../attributes.ts';
import { attributeType, dataType } from '../constants.ts';
import { channelsLast, floatType, type KernelCall, replaceKernel, run } from './replace.ts';

/** What `_FusedConv2D` can end with, by TF.js's name. */
const activations = {
  linear: { op: [], apply: (x: tf.Tensor) => x },
  relu: { op: ['Relu'], apply: (x: tf.Tensor) => tf.relu(x) },
  relu6: { op: ['Relu6'], apply: (x: tf.Tensor) => tf.relu6(x) },
} as const;

/**
 * Convolution, bias and ReLU (or ReLU6) in one op, where TensorFlow has one: `_FusedConv2D`, which
 * oneDNN takes over when a graph is made, hence only in compiled functions
 * on the CPU. Run at once, it would be the slower op without oneDNN: there, and for all other
 * activations, it is a convolution, BiasAdd and the activation, paddings by
 * number included, which upstream's kernel refuses.
 */
export function addFusedConvolution(): void {
  replaceKernel('FusedConv2D', (stock) => (call) => {
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
        attributes(x.shape, filter.shape, call, ['BiasAdd', ...op]),
        [x, filter, bias],
      );
    }
    return tf.tidy(() => {
      const products = run('Conv2D', { x, filter }, call.attrs);
      return apply(bias === undefined ? products : tf.add(products, bias));
    });
  });
}

type Shape4D = [number, number, number, number];

function attributes(
  input: readonly number[],
  filter: readonly number[],
  { attrs }: KernelCall,
  fusedOps: string[],
): Attribute[] {
  const {
    strides,
    dilations = 1,
    pad,
    dimRoundingMode,
  } = attrs as { strides: number; dilations?: number; pad: number; dimRoundingMode?: 'floor' };
  const info = tf.backend_util.computeConv2DInfo(
    input as Shape4D,
    filter as Shape4D,
    strides,
    dilations,
    pad,
    dimRoundingMode,
  );
  const { top, bottom, left, right, type } = info.padInfo;
  const isNamed = type === 'SAME' || type === 'VALID';
  const integers = (name: string, value: number | number[]): Attribute => ({
    name,
    type: attributeType.int,
    value,
  });
  return [
    floatType,
    { name: 'TArgs', type: attributeType.type, value: [dataType.float32] },
    integers('num_args', 1),
    integers('num_host_args', 0),
    integers('strides', [1, info.strideHeight, info.strideWidth, 1]),
    integers('dilations', [1, info.dilationHeight, info.dilationWidth, 1]),
    { name: 'padding', type: attributeType.string, value: isNamed ? type : 'EXPLICIT' },
    integers('explicit_paddings', isNamed ? [] : [0, 0, top, bottom, left, right, 0, 0]),
    { name: 'fused_ops', type: attributeType.string, value: fusedOps },
    channelsLast,
  ];
}
