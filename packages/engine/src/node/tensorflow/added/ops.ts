import * as tf from '@tensorflow/tfjs-core';
import type { Attribute } from '../attributes.ts';
import { attributeType, dataType } from '../constants.ts';
import { type KernelCall, replaceKernel } from '../quick/replace.ts';

/**
 * Kernels of TF.js that upstream's JavaScript half lacks (or, of multinomial, gets wrong) and
 * TensorFlow has an op for.
 */
export function addMissingOps(): void {
  replaceKernel(
    'BitwiseAnd',
    () =>
      ({ inputs: { a, b }, backend }) =>
        backend.executeSingleOutput('BitwiseAnd', [integers('T')], [a, b] as tf.Tensor[]),
  );
  replaceKernel('DenseBincount', () => denseBincount);
  replaceKernel('MaxPoolWithArgmax', () => maxPoolWithArgmax);
  // In a compiled function a seed is a constant: there upstream's op, whose state moves on, draws
  // anew at every call.
  replaceKernel(
    'Multinomial',
    (stock) => (call) =>
      call.backend.binding.trace === undefined ? multinomial(call) : stock(call),
  );
  replaceKernel('SearchSorted', () => ({ inputs: { sortedSequence, values }, attrs, backend }) => {
    const op = attrs.side === 'left' ? 'LowerBound' : 'UpperBound';
    return backend.executeSingleOutput(
      op,
      [typeOf('T', values as tf.Tensor), integers('out_type')],
      [sortedSequence, values] as tf.Tensor[],
    );
  });
  replaceKernel('Transform', () => transform);
}

function denseBincount({ inputs, attrs, backend }: KernelCall): tf.Tensor {
  const { x, weights } = inputs as Record<'x' | 'weights', tf.Tensor>;
  const given = [
    integers('Tidx'),
    typeOf('T', weights),
    { name: 'binary_output', type: attributeType.bool, value: attrs.binaryOutput },
  ];
  return tf.tidy(() =>
    backend.executeSingleOutput('DenseBincount', given, [
      x,
      tf.scalar(attrs.size as number, 'int32'),
      weights,
    ]),
  );
}

function maxPoolWithArgmax({ inputs, attrs, backend }: KernelCall): tf.Tensor[] {
  const { x } = inputs as { x: tf.Tensor4D };
  const { filterSize, strides, pad, includeBatchInIndex } = attrs as {
    filterSize: number;
    strides: number;
    pad: 'same';
    includeBatchInIndex: boolean;
  };
  const info = tf.backend_util.computePool2DInfo(x.shape, filterSize, strides, 1, pad);
  const given = [
    typeOf('T', x),
    integers('Targmax'),
    { name: 'ksize', type: attributeType.int, value: [1, info.filterHeight, info.filterWidth, 1] },
    {
      name: 'strides',
      type: attributeType.int,
      value: [1, info.strideHeight, info.strideWidth, 1],
    },
    { name: 'padding', type: attributeType.string, value: info.padInfo.type },
    { name: 'include_batch_in_index', type: attributeType.bool, value: includeBatchInIndex },
  ];
  return backend.executeMultipleOutputs('MaxPoolWithArgmax', given, [x], 2);
}

/**
 * The stateless op: upstream's has a state of its own, so that a seed gives other numbers at every
 * call. TF.js's seeds are fractions where the caller names none.
 */
function multinomial({ inputs, attrs, backend }: KernelCall): tf.Tensor {
  const { logits } = inputs as { logits: tf.Tensor };
  const { numSamples, seed, normalized } = attrs as {
    numSamples: number;
    seed: number;
    normalized: boolean;
  };
  return tf.tidy(() => {
    const given = [typeOf('T', logits), integers('Tseed'), integers('output_dtype')];
    const halves = tf.tensor1d(new Int32Array(new Float64Array([seed]).buffer), 'int32');
    return backend.executeSingleOutput('StatelessMultinomial', given, [
      normalized ? tf.log(logits) : logits,
      tf.scalar(numSamples, 'int32'),
      halves,
    ]);
  });
}

function transform({ inputs, attrs, backend }: KernelCall): tf.Tensor {
  const { image, transforms } = inputs as { image: tf.Tensor4D; transforms: tf.Tensor };
  const { interpolation, fillMode, fillValue, outputShape } = attrs as {
    interpolation: string;
    fillMode: string;
    fillValue: number;
    outputShape?: number[];
  };
  const given = [
    typeOf('dtype', image),
    { name: 'interpolation', type: attributeType.string, value: interpolation.toUpperCase() },
    { name: 'fill_mode', type: attributeType.string, value: fillMode.toUpperCase() },
  ];
  const size = outputShape ?? [image.shape[1], image.shape[2]];
  return tf.tidy(() =>
    backend.executeSingleOutput('ImageProjectiveTransformV3', given, [
      image,
      transforms,
      tf.tensor1d(size, 'int32'),
      tf.scalar(fillValue),
    ]),
  );
}

function typeOf(name: string, { dtype }: tf.TensorInfo): Attribute {
  return { name, type: attributeType.type, value: dataType[dtype] };
}

function integers(name: string): Attribute {
  return { name, type: attributeType.type, value: dataType.int32 };
}
