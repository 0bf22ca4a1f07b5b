import * as tf from '@tensorflow/tfjs-core';
import { replaceKernel } from './replaceKernel.ts';

type Named<Name extends string> = Readonly<Record<Name, tf.Tensor1D>> & { readonly x: tf.Tensor4D };

/**
 * Registers batch normalization composed of operations that the backend is fast at. Upstream's
 * `FusedBatchNorm` (with given averages) is a plain loop with a square root in it on `wasm`: 3 to
 * 13 times slower. `KdBatchNorm` is the kernel of @kd/core's normalizeBatch, with the statistics of
 * the batch.
 */
export function registerBatchNorm(backendName: string): void {
  replaceKernel('FusedBatchNorm', backendName, (stock) => (call) => {
    const { x, mean, variance, offset, scale } = call.inputs as unknown as Named<
      'mean' | 'variance'
    > &
      Partial<Named<'offset' | 'scale'>>;
    const isPerChannel = [mean, variance, offset, scale].every(
      (tensor) => tensor === undefined || tensor.rank === 1,
    );
    if (x.rank !== 4 || !isPerChannel || mean.size !== x.shape[3]) return stock(call);
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

/** @returns Output, mean, variance; then mean and 1 / std, saved for the gradient. */
function forward({ x, scale, offset }: Named<'scale' | 'offset'>, epsilon: number): tf.Tensor[] {
  return tf.tidy(() => {
    const mean = channelMeans(x);
    const centered = center(x, mean);
    const variance = channelMeans(tf.square(centered));
    const inverse = tf.rsqrt(tf.add(variance, epsilon));
    return [
      scaleChannels(centered, tf.mul(scale, inverse), offset),
      mean,
      variance,
      tf.clone(mean),
      inverse,
    ];
  });
}

/**
 * dx = a · (dy − mean(dy) − centered · inverse² · mean(dy · centered)), a = scale · inverse; dscale
 * = Σ dy · centered · inverse; doffset = Σ dy.
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
    const centered = center(x, mean);
    const gradient = channelMeans(dy);
    const covariance = tf.mul(channelMeans(tf.mul(dy, centered)), inverse);
    const factor = tf.mul<tf.Tensor1D>(scale, inverse);
    const fromGradient = scaleChannels(dy, factor, tf.neg(tf.mul(factor, gradient)) as tf.Tensor1D);
    const fromInput = scaleChannels(
      centered,
      tf.neg(tf.mul(factor, tf.mul(inverse, covariance))) as tf.Tensor1D,
    );
    return [tf.add(fromGradient, fromInput), tf.mul(covariance, count), tf.mul(gradient, count)];
  });
}

/** x − mean. A subtraction that broadcasts few channels takes four times as long. */
function center(x: tf.Tensor4D, mean: tf.Tensor1D): tf.Tensor4D {
  return scaleChannels(x, tf.onesLike(mean), tf.neg(mean) as tf.Tensor1D);
}

/**
 * Registers the gradient of `KdBatchNorm` for all engines, since TF.js has one gradient for all
 * backends. It runs the kernel `KdBatchNormGrad` of the current one:
 *   inputs  dy and x [batch, height, width, channels]; scale [channels]; mean, variance and more:
 * outputs 3, 4 and, if any, 5 of `KdBatchNorm`
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
 * @param x [batch, height, width, channels]. @param scale [channels]. @param shift [channels],
 * default 0. @returns The shape of x.
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
 * Mean of each channel over batch and positions. @param x [batch, height, width, channels].
 * @returns [channels].
 */
export function channelMeans(x: tf.Tensor4D): tf.Tensor1D {
  return tf.mean(x, [0, 1, 2]);
}
