import * as tf from '@tensorflow/tfjs-core';
import { constant } from '../detached.ts';
import { safeSqrt } from '../safeSqrt.ts';
import { l2Normalize } from '../unit.ts';
import { topVector } from './topVector.ts';

/** A rest of this share of a matrix, squared, is rounding: it has no directions of its own. */
const rounding = 1e-12;

/** The first singular values and right singular vectors of matrices. */
export interface RightVectors {
  /** [batch, columns, count], each at length 1; 0 beyond the rank. The sign is arbitrary. */
  readonly vectors: tf.Tensor3D;
  /** [batch, 1, count], ≥ 0. */
  readonly values: tf.Tensor3D;
}

/**
 * One after the other: the first vector of the matrix, then that of what is left without it.
 * @param x [batch, rows, columns]. @param count ≤ rows and columns.
 */
export function rightVectors(x: tf.Tensor3D, count: number): RightVectors {
  const [vectors, values]: [tf.Tensor3D[], tf.Tensor3D[]] = [[], []];
  const enough = tf.mul(tf.sum(tf.square(x), [1, 2], true), rounding);
  let rest = x;
  for (let at = 0; at < count; at++) {
    const excess = tf.sub<tf.Tensor3D>(tf.sum(tf.square(rest), [1, 2], true), enough);
    rest = tf.mul(
      rest,
      constant(() => tf.cast(tf.greater(excess, 0), 'float32')),
    );
    const vector = firstOf(rest);
    const along = tf.matMul<tf.Tensor3D>(rest, vector);
    vectors.push(vector);
    values.push(safeSqrt(tf.sum<tf.Tensor3D>(tf.square(along), 1, true)));
    rest = tf.sub(rest, tf.matMul(along, vector, false, true));
  }
  return { vectors: tf.concat(vectors, 2), values: tf.concat(values, 2) };
}

/** By way of the smaller side: of a wide matrix the first left vector, which says the right one. */
function firstOf(x: tf.Tensor3D): tf.Tensor3D {
  const [, rows, columns] = x.shape;
  if (columns <= rows) return topVector(x);
  const left = topVector(tf.transpose(x, [0, 2, 1]));
  return l2Normalize(tf.matMul<tf.Tensor3D>(x, left, true), 1);
}
