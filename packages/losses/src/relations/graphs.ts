import * as tf from '@tensorflow/tfjs-core';
import { constant } from '../detached.ts';
import { flat } from '../flat.ts';
import { atSmallerSize, averagedTo } from '../resize.ts';
import { distancesOf } from './distances.ts';
import { places } from './places.ts';

/** Mean of the squared differences of two tensors of one shape. */
export function meanSquare(student: tf.Tensor, teacher: tf.Tensor): tf.Scalar {
  return tf.mean(tf.square(tf.sub(student, teacher)));
}

/**
 * Squared distances are at least so much, as in the published code: of a batch whose examples are
 * all one, all are equally far apart.
 */
const least = 1e-12;

/**
 * [batch, batch]: squared distances of the examples over the largest of them. @param more Added to
 * the largest.
 */
export function graphOf(feature: tf.Tensor, more = 0): tf.Tensor2D {
  const { squared } = distancesOf(flat(feature));
  const isOther = tf.sub<tf.Tensor2D>(1, tf.eye(squared.shape[0]));
  return overLargest(tf.mul<tf.Tensor2D>(tf.maximum(squared, least), isOther), more);
}

/**
 * [batch]: how far each example moves from a layer to the next, over the farthest; both averaged to
 * the smaller size and to the fewer channels.
 */
export function transformationOf(below: tf.Tensor4D, above: tf.Tensor4D): tf.Tensor1D {
  const channels = Math.min(below.shape[3], above.shape[3]);
  const [from, to] = atSmallerSize(below, above).map((maps) => withChannels(maps, channels)) as [
    tf.Tensor3D,
    tf.Tensor3D,
  ];
  return overLargest(
    tf.maximum<tf.Tensor1D>(tf.sum(tf.square(tf.sub(from, to)), [1, 2]), least),
    0,
  );
}

/** Channels that follow on each other averaged, in as many bins. */
function withChannels(maps: tf.Tensor4D, channels: number): tf.Tensor3D {
  const [batch, height, width, from] = maps.shape;
  const lines = averagedTo(tf.reshape(places(maps), [batch, height * width, from, 1]), [
    height * width,
    channels,
  ]);
  return tf.reshape(lines, [batch, height * width, channels]);
}

/**
 * x over its largest value, which has its part of the gradient; several that are as large share it.
 * x ≥ 0.
 */
function overLargest<T extends tf.Tensor>(x: T, more: number): T {
  const isLargest = constant(() => tf.cast(tf.equal(x, tf.max(x)), 'float32'));
  const largest = tf.div(tf.sum(tf.mul(x, isLargest)), tf.sum(isLargest));
  return tf.mul(x, inverse(tf.add(largest, more))) as T;
}

/** 1/x, and 0 with the gradient 0 at 0. */
function inverse(x: tf.Tensor): tf.Tensor {
  const isSome = constant(() => tf.cast(tf.greater(x, 0), 'float32'));
  return tf.div(isSome, tf.add(x, tf.sub(1, isSome)));
}
