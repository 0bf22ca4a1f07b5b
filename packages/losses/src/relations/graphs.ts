import * as tf from '@tensorflow/tfjs-core';
import { factOf } from '../factOf.ts';
import { atSmallerSize, averagedTo } from '../resize.ts';
import { distancesOf } from './distances.ts';
import { flat } from './flat.ts';
import { places } from './places.ts';

/** Mean of the squared differences of two tensors of one shape. */
export function meanSquare(student: tf.Tensor, teacher: tf.Tensor): tf.Scalar {
  return tf.mean(tf.square(tf.sub(student, teacher)));
}

/** [batch, batch]: squared distances of the examples over the largest of them; all 0 where no two are apart. */
export function graphOf(feature: tf.Tensor): tf.Tensor2D {
  return overLargest(distancesOf(flat(feature)).squared);
}

/** [batch]: how far each example moves from a layer to the next, over the farthest; both averaged to the smaller size and to the fewer channels. */
export function transformationOf(below: tf.Tensor4D, above: tf.Tensor4D): tf.Tensor1D {
  const channels = Math.min(below.shape[3], above.shape[3]);
  const [from, to] = atSmallerSize(below, above).map((maps) => withChannels(maps, channels)) as [tf.Tensor3D, tf.Tensor3D];
  return overLargest(tf.sum<tf.Tensor1D>(tf.square(tf.sub(from, to)), [1, 2]));
}

/** Channels that follow on each other averaged, in as many bins. */
function withChannels(maps: tf.Tensor4D, channels: number): tf.Tensor3D {
  const [batch, height, width, from] = maps.shape;
  const lines = averagedTo(tf.reshape(places(maps), [batch, height * width, from, 1]), [height * width, channels]);
  return tf.reshape(lines, [batch, height * width, channels]);
}

/** x over its largest value, which has its part of the gradient; several that are as large share it. x ≥ 0. */
function overLargest<T extends tf.Tensor>(x: T): T {
  const isLargest = factOf(x, (it) => tf.cast(tf.equal(it, tf.max(it)), 'float32'));
  const count = tf.sum(isLargest);
  const largest = tf.sum(tf.mul(x, isLargest));
  return tf.mul(x, inverse(tf.div(largest, count))) as T;
}

/** 1/x, and 0 with the gradient 0 at 0. */
function inverse(x: tf.Tensor): tf.Tensor {
  const isSome = factOf(x, (it) => tf.cast(tf.greater(it, 0), 'float32'));
  return tf.div(isSome, tf.add(x, tf.sub(1, isSome)));
}
