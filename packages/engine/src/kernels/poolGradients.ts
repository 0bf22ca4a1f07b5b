import * as tf from '@tensorflow/tfjs-core';
import { replaceKernel } from './replaceKernel.ts';

interface PoolAttributes {
  readonly filterSize: number | [number, number];
  readonly strides: number | [number, number];
  readonly pad: unknown;
}

/**
 * The gradients of pools whose windows lie side by side, by passes over whole maps: many times as
 * quick as the loops of `wasm`. Others are left to those.
 */
export function registerPoolGradients(backendName: string): void {
  replaceKernel('MaxPoolGrad', backendName, (stock) => (call) => {
    const { dy, input, output } = call.inputs as unknown as Record<
      'dy' | 'input' | 'output',
      tf.Tensor4D
    >;
    const side = tilingWindowSide(input, call.attrs as unknown as PoolAttributes);
    if (side !== undefined) return tf.tidy(() => maxPoolGradient(dy, input, output, side));
    // Upstream's loop looks for a largest value from 0 on: a window without a positive one would
    // get no gradient.
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

/**
 * The side of the windows where they are square, touch without overlap and cover the maps; else
 * undefined.
 */
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
 * dy at the first of the largest values of each window, 0 elsewhere. To find the first, each place
 * gets a mark that falls from place to place
 * and lies 3 higher where the value is a largest one: it is first where its mark is the highest of
 * the window.
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
