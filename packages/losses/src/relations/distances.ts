import * as tf from '@tensorflow/tfjs-core';
import { detached } from '../detached.ts';
import { factOf } from '../factOf.ts';

/** A squared distance up to this share of both rows' squares is rounding: in float32 nobody can tell it from 0. */
const rounding = 1e-6;

/** What rows are to each other, by one product with themselves. */
export interface Distances {
  /** [batch, batch], inner products of the rows about their mean. */
  readonly inner: tf.Tensor2D;
  /** [batch, batch], ≥ 0, exactly 0 between a row and itself or its copy. */
  readonly squared: tf.Tensor2D;
  /** [batch, batch], boolean: where `squared` is not 0. */
  readonly apart: tf.Tensor2D;
}

/**
 * ‖a − b‖² = ‖a‖² + ‖b‖² − 2a·b for all pairs of rows, without their differences, which would be batch times as much.
 * Rows are taken about their mean, which changes no distance and saves digits; so the gradient need not pass through it.
 */
export function distancesOf(rows: tf.Tensor2D): Distances {
  const centred = tf.sub<tf.Tensor2D>(rows, detached(tf.mean<tf.Tensor2D>(rows, 0, true)));
  const inner: tf.Tensor2D = tf.matMul(centred, centred, false, true);
  const squares = tf.sum(tf.square(centred), 1, true);
  const sums = tf.add(squares, tf.transpose(squares));
  const raw = tf.sub<tf.Tensor2D>(sums, tf.mul(inner, 2));
  const excess = tf.sub<tf.Tensor2D>(raw, tf.mul(sums, rounding));
  const apart = factOf(excess, (more) => tf.greater(more, 0));
  const squared: tf.Tensor2D = tf.where(apart, raw, tf.zerosLike(raw));
  return { inner, squared, apart };
}
