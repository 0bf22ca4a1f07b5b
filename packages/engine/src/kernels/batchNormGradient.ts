import * as tf from '@tensorflow/tfjs-core';

/**
 * The gradient of `KdBatchNorm`, one for all engines, for TF.js keeps one gradient for all
 * backends: the kernel `KdBatchNormGrad` of the current one
 *   inputs  dy and x [batch, height, width, channels]; scale [channels]; mean, variance and more:
 *   what `KdBatchNorm` gave as outputs 3, 4 and, if any, 5
 *   outputs gradients of x, scale and offset
 */
export function registerBatchNormGradient(): void {
  tf.registerGradient({
    kernelName: 'KdBatchNorm',
    inputsToSave: ['x', 'scale'],
    outputsToSave: [false, false, false, true, true, true],
    gradFunc,
  });
}

function gradFunc(
  dys: tf.Tensor | tf.Tensor[],
  saved: tf.Tensor[],
  attrs: tf.NamedAttrMap,
): Record<string, () => tf.Tensor> {
  const [dy] = dys as [tf.Tensor];
  const [x, scale, mean, variance, more] = saved as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
    tf.Tensor | undefined,
  ];
  const inputs: tf.NamedTensorMap = { dy, x, scale, mean, variance, ...(more && { more }) };
  const computed = tf.engine().runKernel('KdBatchNormGrad', inputs, attrs) as tf.Tensor[];
  const [xGradient, scaleGradient, offsetGradient] = computed as [tf.Tensor, tf.Tensor, tf.Tensor];
  return { x: () => xGradient, scale: () => scaleGradient, offset: () => offsetGradient };
}
