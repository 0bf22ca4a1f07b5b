import * as tf from '@tensorflow/tfjs-core';
import { registerBatchNormGradient } from '../../../kernels/batchNormGradient.ts';
import type { Attribute } from '../attributes.ts';
import { attributeType, dataType } from '../constants.ts';
import { channelsLast, floatType, replaceKernel } from './replace.ts';

/**
 * `KdBatchNorm` of @kd/core's normalizeBatch: batch normalization in training, in one op instead of
 * a dozen passes, and its gradient in another.
 * FusedBatchNormV3 returns the unbiased variance (Bessel's n − 1); the contract's is biased.
 */
export function registerBatchNorm(): void {
  replaceKernel('KdBatchNorm', () => ({ inputs, attrs, backend }) => {
    const { x, scale, offset } = inputs as Record<'x' | 'scale' | 'offset', tf.Tensor>;
    const nothing = tf.tensor1d([]);
    const given = [
      ...attributes(attrs.epsilon as number),
      { name: 'exponential_avg_factor', type: attributeType.float, value: 1 },
    ];
    const outputs = backend.executeMultipleOutputs(
      'FusedBatchNormV3',
      given,
      [x, scale, offset, nothing, nothing],
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
    tf.dispose([nothing, unbiased]);
    return [output, mean, variance, ...reserved];
  });
  replaceKernel('KdBatchNormGrad', () => ({ inputs, attrs, backend }) => {
    const { dy, x, scale, mean, variance, more } = inputs as Record<
      'dy' | 'x' | 'scale' | 'mean' | 'variance' | 'more',
      tf.Tensor
    >;
    const outputs = backend.executeMultipleOutputs(
      'FusedBatchNormGradV3',
      attributes(attrs.epsilon as number),
      [dy, x, scale, mean, variance, more],
      5,
    );
    tf.dispose(outputs.slice(3));
    return outputs.slice(0, 3);
  });
  registerBatchNormGradient();
}

function attributes(epsilon: number): Attribute[] {
  return [
    floatType,
    { name: 'U', type: attributeType.type, value: dataType.float32 },
    { name: 'epsilon', type: attributeType.float, value: epsilon },
    channelsLast,
    { name: 'is_training', type: attributeType.bool, value: true },
  ];
}
