import * as tf from '@tensorflow/tfjs-core';
import { replaceKernel } from './replaceKernel.ts';

interface PoolAttributes {
  readonly filterSize: number | [number, number];
  readonly strides: number | [number, number];
  readonly pad: unknown;
}

/**
 * Registers gradients of pools whose windows tile the map, as operations on whole maps: many times
 * as fast as the loops of `wasm`, which compute all others.
 */
export function registerPoolGradients(backendName: string): void {
  replaceKernel('MaxPoolGrad', backendName, (stock) => (call) => {
    const { dy, input, output } = call.inputs as unknown as Record<
      'dy' | 'input' | 'output',
      tf.Tensor4D
    >;
    const side = tilingWindowSide(input, call.attrs as unknown as PoolAttributes);
    if (side !== undefined) return tf.tidy(() => maxPoolGradient(dy, input, output, side));
    // Upstream's loop starts its maximum at 0: a window without a positive value would get no
    // gradient.
    const positive = tf.tidy(() => tf.add(tf.sub(input, tf.min(input)), 1));
    const gradient = stock({ ...call, inputs: { ...call.inputs, input: positive } });
    positive.dispose();
    return gradient;
  });
  replaceKernel('AvgPoolGrad', backendName, (stock) => (call) => {
    const { dy, input } = call.inputs as unknown as Record<'dy' | 'input', tf.Tensor4D>;
    const side = tilingWindowSide(input, call.attrs as unknown as PoolAttributes);
    if (side === undefined) return stock(call);
    return tf.tidy(() =>
      tf.reshape(
        tf.mul(toWindows(dy, 1), tf.fill([1, side, 1, side, 1], 1 / side ** 2)),
        input.shape,
      ),
    );
  });
}

/** The side of the windows if they are square and tile the map without overlap; else undefined. */
function tilingWindowSide(
  input: tf.Tensor4D,
  { filterSize, strides, pad }: PoolAttributes,
): number | undefined {
  const sides = new Set([filterSize, strides].flat());
  const [side] = [...sides];
  const [, height, width] = input.shape;
  const covers = side !== undefined && height % side === 0 && width % side === 0;
  return sides.size === 1 &&
    side !== 1 &&
    covers &&
    (pad === 'valid' || pad === 'same') &&
    input.dtype === 'float32'
    ? side
    : undefined;
}

/**
 * [batch, height, width, channels] → [batch · windows, side, windows, side, channels], without a
 * copy.
 */
function toWindows(maps: tf.Tensor4D, side: number): tf.Tensor {
  const [batch, height, width, channels] = maps.shape;
  return tf.reshape(maps, [(batch * height) / side, side, width / side, side, channels]);
}

/**
 * dy at the first maximum of each window, 0 elsewhere. To find the first, each position gets a mark
 * that falls from position to position and is 3 higher at a maximum: the highest mark of a window
 * is at its first maximum.
 */
function maxPoolGradient(
  dy: tf.Tensor4D,
  input: tf.Tensor4D,
  output: tf.Tensor4D,
  side: number,
): tf.Tensor4D {
  const gap = 1 / (side ** 2 + 1);
  const places = tf.range(side ** 2, 0, -1);
  const falling = tf.reshape(tf.mul(places, gap), [1, side, 1, side, 1]);
  const marks = tf.add(tf.step(tf.sub(toWindows(output, 1), toWindows(input, side)), 4), falling);
  const highest = tf.maxPool(tf.reshape(marks, input.shape) as tf.Tensor4D, side, side, 'valid');
  const isFirst = tf.step(tf.sub(marks, toWindows(tf.sub(highest, gap / 2), 1)));
  return tf.reshape(tf.mul(toWindows(dy, 1), isFirst), input.shape);
}
