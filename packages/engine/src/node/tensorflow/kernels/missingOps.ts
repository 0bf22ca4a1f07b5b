import * as tf from '@tensorflow/tfjs-core';
import type { Attribute } from '../capi/attributes.ts';
import { attributeType, dataType } from '../capi/types.ts';
import {
  intAttribute,
  type NodeKernelCall,
  replaceNodeKernel,
  typeAttribute,
} from './replaceKernel.ts';

/**
 * Registers kernels of TF.js that upstream's JavaScript half lacks (or has wrong: multinomial) and
 * TensorFlow has an op for.
 */
export function registerMissingOps(): void {
  replaceNodeKernel(
    'BitwiseAnd',
    () =>
      ({ inputs: { a, b }, backend }) =>
        backend.executeSingleOutput('BitwiseAnd', [int32('T')], [a, b] as tf.Tensor[]),
  );
  replaceNodeKernel('DenseBincount', () => denseBincount);
  replaceNodeKernel('MaxPoolWithArgmax', () => maxPoolWithArgmax);
  // In a compiled function a seed is a constant: there upstream's op, which has a state, draws
  // other numbers at every call.
  replaceNodeKernel(
    'Multinomial',
    (stock) => (call) =>
      call.backend.binding.trace === undefined ? multinomial(call) : stock(call),
  );
  replaceNodeKernel(
    'SearchSorted',
    () =>
      ({ inputs: { sortedSequence, values }, attrs, backend }) => {
        const op = attrs.side === 'left' ? 'LowerBound' : 'UpperBound';
        return backend.executeSingleOutput(
          op,
          [typeOf('T', values as tf.Tensor), int32('out_type')],
          [sortedSequence, values] as tf.Tensor[],
        );
      },
  );
  replaceNodeKernel('Transform', () => transform);
}

function denseBincount({ inputs, attrs, backend }: NodeKernelCall): tf.Tensor {
  const { x, weights } = inputs as Record<'x' | 'weights', tf.Tensor>;
  const attributes = [
    int32('Tidx'),
    typeOf('T', weights),
    { name: 'binary_output', type: attributeType.bool, value: attrs.binaryOutput },
  ];
  return tf.tidy(() =>
    backend.executeSingleOutput('DenseBincount', attributes, [
      x,
      tf.scalar(attrs.size as number, 'int32'),
      weights,
    ]),
  );
}

function maxPoolWithArgmax({ inputs, attrs, backend }: NodeKernelCall): tf.Tensor[] {
  const { x } = inputs as { x: tf.Tensor4D };
  const { filterSize, strides, pad, includeBatchInIndex } = attrs as {
    filterSize: number;
    strides: number;
    pad: 'same';
    includeBatchInIndex: boolean;
  };
  const info = tf.backend_util.computePool2DInfo(x.shape, filterSize, strides, 1, pad);
  const attributes = [
    typeOf('T', x),
    int32('Targmax'),
    intAttribute('ksize', [1, info.filterHeight, info.filterWidth, 1]),
    intAttribute('strides', [1, info.strideHeight, info.strideWidth, 1]),
    { name: 'padding', type: attributeType.string, value: info.padInfo.type },
    { name: 'include_batch_in_index', type: attributeType.bool, value: includeBatchInIndex },
  ];
  return backend.executeMultipleOutputs('MaxPoolWithArgmax', attributes, [x], 2);
}

/**
 * Runs the stateless op: upstream's has a state, so that a seed gives other numbers at every call.
 * TF.js's default seeds are fractions.
 */
function multinomial({ inputs, attrs, backend }: NodeKernelCall): tf.Tensor {
  const { logits } = inputs as { logits: tf.Tensor };
  const { numSamples, seed, normalized } = attrs as {
    numSamples: number;
    seed: number;
    normalized: boolean;
  };
  return tf.tidy(() => {
    const attributes = [typeOf('T', logits), int32('Tseed'), int32('output_dtype')];
    const halves = tf.tensor1d(new Int32Array(new Float64Array([seed]).buffer), 'int32');
    return backend.executeSingleOutput('StatelessMultinomial', attributes, [
      normalized ? tf.log(logits) : logits,
      tf.scalar(numSamples, 'int32'),
      halves,
    ]);
  });
}

function transform({ inputs, attrs, backend }: NodeKernelCall): tf.Tensor {
  const { image, transforms } = inputs as { image: tf.Tensor4D; transforms: tf.Tensor };
  const { interpolation, fillMode, fillValue, outputShape } = attrs as {
    interpolation: string;
    fillMode: string;
    fillValue: number;
    outputShape?: number[];
  };
  const attributes = [
    typeOf('dtype', image),
    { name: 'interpolation', type: attributeType.string, value: interpolation.toUpperCase() },
    { name: 'fill_mode', type: attributeType.string, value: fillMode.toUpperCase() },
  ];
  const size = outputShape ?? [image.shape[1], image.shape[2]];
  return tf.tidy(() =>
    backend.executeSingleOutput('ImageProjectiveTransformV3', attributes, [
      image,
      transforms,
      tf.tensor1d(size, 'int32'),
      tf.scalar(fillValue),
    ]),
  );
}

function typeOf(name: string, { dtype }: tf.TensorInfo): Attribute {
  return typeAttribute(name, dataType[dtype]);
}

function int32(name: string): Attribute {
  return typeAttribute(name, dataType.int32);
}

/**
 * Registers a gather for traces: upstream's reads its indices to check their range. A trace has no
 * values, and TensorFlow checks them at the call.
 */
export function registerTracedGather(): void {
  replaceNodeKernel('GatherV2', (stock) => (call) => {
    const { inputs, attrs, backend } = call;
    if (backend.binding.trace === undefined) return stock(call);
    const { x, indices } = inputs as Record<'x' | 'indices', tf.Tensor>;
    const { axis, batchDims } = attrs as { axis: number; batchDims: number };
    tf.backend_util.segment_util.collectGatherOpShapeInfo(x, indices, axis, batchDims);
    const attributes: Attribute[] = [intAttribute('batch_dims', batchDims), int32('Taxis')];
    const axisTensor = tf.scalar(axis, 'int32');
    const gathered = backend.executeSingleOutput('GatherV2', attributes, [x, indices, axisTensor]);
    axisTensor.dispose();
    return gathered;
  });
}

/**
 * Registers `KdRandomUniform` of @kd/core's randomUniform as the op whose numbers that function
 * reproduces on other engines.
 */
export function registerRandomUniform(): void {
  replaceNodeKernel('KdRandomUniform', () => ({ inputs, attrs, backend }) => {
    const shape = tf.tensor1d(attrs.shape as number[], 'int32');
    const attributes = [typeAttribute('dtype', dataType.float32), int32('T'), int32('Tseed')];
    const values = backend.executeSingleOutput('StatelessRandomUniform', attributes, [
      shape,
      inputs.seed as tf.Tensor,
    ]);
    shape.dispose();
    return values;
  });
}
