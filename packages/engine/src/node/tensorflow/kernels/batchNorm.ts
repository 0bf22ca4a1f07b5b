import * as tf from '@tensorflow/tfjs-core';
import { registerBatchNormGradient } from '../../../kernels/batchNorm.ts';
import type { Attribute } from '../capi/attributes.ts';
import { attributeType, dataType } from '../capi/types.ts';
import { channelsLast, floatType, replaceNodeKernel, typeAttribute } from './replaceKernel.ts';

/**
 * Registers `KdBatchNorm` of @kd/core's normalizeBatch: batch normalization in training as one op
 * instead of a dozen passes, and its gradient as another. FusedBatchNormV3 returns the unbiased
 * variance (Bessel's n − 1); the contract's is biased.
 */
export function registerBatchNorm(): void {
  replaceNodeKernel('KdBatchNorm', () => ({ inputs, attrs, backend }) => {
    const { x, scale, offset } = inputs as Record<'x' | 'scale' | 'offset', tf.Tensor>;
    const empty = tf.tensor1d([]);
    const attributes = [
      ...batchNormAttributes(attrs.epsilon as number),
      { name: 'exponential_avg_factor', type: attributeType.float, value: 1 },
    ];
    const outputs = backend.executeMultipleOutputs(
      'FusedBatchNormV3',
      attributes,
      [x, scale, offset, empty, empty],
      6,
    );
    const [output, mean, unbiased, ...reserved] = outputs as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      ...tf.Tensor[],
    ];
    const count = x.size / scale.size;
    const variance = tf.mul(unbiased, (count - 1) / count);
    tf.dispose([empty, unbiased]);
    return [output, mean, variance, ...reserved];
  });
  replaceNodeKernel('KdBatchNormGrad', () => ({ inputs, attrs, backend }) => {
    const { dy, x, scale, mean, variance, more } = inputs as Record<
      'dy' | 'x' | 'scale' | 'mean' | 'variance' | 'more',
      tf.Tensor
    >;
    const outputs = backend.executeMultipleOutputs(
      'FusedBatchNormGradV3',
      batchNormAttributes(attrs.epsilon as number),
      [dy, x, scale, mean, variance, more],
      5,
    );
    tf.dispose(outputs.slice(3));
    return outputs.slice(0, 3);
  });
  registerBatchNormGradient();
}

function batchNormAttributes(epsilon: number): Attribute[] {
  return [
    floatType,
    typeAttribute('U', dataType.float32),
    { name: 'epsilon', type: attributeType.float, value: epsilon },
    channelsLast,
    { name: 'is_training', type: attributeType.bool, value: true },
  ];
}
