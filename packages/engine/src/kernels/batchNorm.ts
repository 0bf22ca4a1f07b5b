import * as tf from '@tensorflow/tfjs-core';
import { replaceKernel } from './replaceKernel.ts';

type Named<Name extends string> = Readonly<Record<Name, tf.Tensor1D>> & { readonly x: tf.Tensor4D };

/**
 * Batch normalization of whole passes that the backend does quickly. `FusedBatchNorm`, with
 * averages given, is a plain loop with a root in it on `wasm`:
 * 3 to 13 times slower. `KdBatchNorm` is that of @kd/core's normalizeBatch, with the statistics of
 * the batch.
 */
export function registerBatchNorm(backendName: string): void {
  replaceKernel('FusedBatchNorm', backendName, (stock) => (call) => {
    const { x, mean, variance, offset, scale } = call.inputs as unknown as Named<
      'mean' | 'variance'
    > &
      Partial<Named<'offset' | 'scale'>>;
    const ofChannels = [mean, variance, offset, scale].every(
      (tensor) => tensor === undefined || tensor.rank === 1,
    );
    if (x.rank !== 4 || !ofChannels || mean.size !== x.shape[3]) return stock(call);
    return tf.tidy(() => {
      const inverse = tf.rsqrt(tf.add(variance, call.attrs?.varianceEpsilon as number));
      const factor = scale === undefined ? inverse : tf.mul(inverse, scale);
      const shift = tf.neg(tf.mul(mean, factor));
      return scaleChannels(
        x,
        factor as tf.Tensor1D,
        (offset === undefined ? shift : tf.add(shift, offset)) as tf.Tensor1D,
      );
    });
  });
  tf.registerKernel({
    kernelName: 'KdBatchNorm',
    backendName,
    kernelFunc: ({ inputs, attrs }) =>
      forward(inputs as unknown as Named<'scale' | 'offset'>, attrs?.epsilon as number),
  });
  tf.registerKernel({
    kernelName: 'KdBatchNormGrad',
    backendName,
    kernelFunc: ({ inputs }) =>
      backward(inputs as unknown as Named<'scale' | 'mean' | 'variance'> & { dy: tf.Tensor4D }),
  });
  registerBatchNormGradient();
}

/** @returns Output, mean, variance; mean and 1 / deviation again, for the gradient. */
function forward({ x, scale, offset }: Named<'scale' | 'offset'>, epsilon: number): tf.Tensor[] {
  return tf.tidy(() => {
    const mean = channelMeans(x);
    const centred = center(x, mean);
    const variance = channelMeans(tf.square(centred));
    const inverse = tf.rsqrt(tf.add(variance, epsilon));
    return [
      scaleChannels(centred, tf.mul(scale, inverse), offset),
      mean,
      variance,
      tf.clone(mean),
      inverse,
    ];
  });
}

/**
 * dx = a · (dy − mean(dy) − centred · inverse² · mean(dy · centred)), a = scale · inverse; dscale =
 * Σ dy · centred · inverse; doffset = Σ dy.
 * @returns Gradients of x, scale and offset.
 */
function backward({
  dy,
  x,
  scale,
  mean,
  variance: inverse,
}: Named<'scale' | 'mean' | 'variance'> & { dy: tf.Tensor4D }): tf.Tensor[] {
  return tf.tidy(() => {
    const count = x.size / mean.size;
    const centred = center(x, mean);
    const gradient = channelMeans(dy);
    const covariance = tf.mul(channelMeans(tf.mul(dy, centred)), inverse);
    const factor = tf.mul<tf.Tensor1D>(scale, inverse);
    const ofGradient = scaleChannels(dy, factor, tf.neg(tf.mul(factor, gradient)) as tf.Tensor1D);
    const ofMaps = scaleChannels(
      centred,
      tf.neg(tf.mul(factor, tf.mul(inverse, covariance))) as tf.Tensor1D,
    );
    return [tf.add(ofGradient, ofMaps), tf.mul(covariance, count), tf.mul(gradient, count)];
  });
}

/** x − mean. A subtraction that repeats few channels takes four times as long. */
function center(x: tf.Tensor4D, mean: tf.Tensor1D): tf.Tensor4D {
  return scaleChannels(x, tf.onesLike(mean), tf.neg(mean) as tf.Tensor1D);
}

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
    gradFunc: batchNormGradient,
  });
}

function batchNormGradient(
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

/**
 * x · scale + shift for each channel, as a depthwise convolution with a filter of one pixel: one
 * pass over x instead of two.
 * @param x [batch, height, width, channels]. @param scale [channels]. @param shift [channels];
 * nothing where it is left out. @returns As x.
 */
export function scaleChannels(
  x: tf.Tensor4D,
  scale: tf.Tensor1D,
  shift?: tf.Tensor1D,
): tf.Tensor4D {
  const filter: tf.Tensor4D = tf.reshape(scale, [1, 1, scale.size, 1]);
  return tf.fused.depthwiseConv2d({
    x,
    filter,
    strides: 1,
    pad: 'valid',
    ...(shift && { bias: shift }),
  });
}

/**
 * Mean over all places of each channel. @param x [batch, height, width, channels]. @returns
 * [channels].
 */
export function channelMeans(x: tf.Tensor4D): tf.Tensor1D {
  return tf.mean(x, [0, 1, 2]);
}
