import * as tf from '@tensorflow/tfjs-core';
import { constant, stopGradient } from '../detached.ts';
import { l2Normalize } from '../unit.ts';

/**
 * Numbers of the differences of all pairs that are worth their digits: 4 MB, a batch of 128 and
 * rows of 64. Beyond, the product is several times as quick.
 */
const affordable = 2 ** 20;

/**
 * A squared distance up to this share of both rows' squares is rounding, where it is their
 * difference: float32 cannot tell it from 0.
 */
const rounding = 1e-6;

/** How rows lie to each other. */
export interface Distances {
  /** [batch, batch], ≥ 0, exactly 0 between a row and itself or its copy. */
  readonly squared: tf.Tensor2D;
  /** [batch, batch], boolean: where `squared` is not 0. */
  readonly apart: tf.Tensor2D;
  /**
   * [batch, batch, batch]: the cosine at i of the triangle of i, j and k, 0 where i is one with j
   * or k.
   */
  cosines(): tf.Tensor3D;
}

/**
 * Of all pairs and triplets of rows: by their differences, which lose no digits, or, where these
 * would be too many, by one product of the rows.
 * Call it in a tidy.
 */
export function distancesOf(rows: tf.Tensor2D): Distances {
  const [batch, width] = rows.shape;
  return batch * batch * width <= affordable ? byDifferences(rows) : byProduct(rows);
}

/** Differences i → j of all pairs, [batch, batch, width]. */
export function byDifferences(rows: tf.Tensor2D): Distances {
  const [batch, width] = rows.shape;
  const differences = tf.sub<tf.Tensor3D>(
    tf.reshape(rows, [1, batch, width]),
    tf.reshape(rows, [batch, 1, width]),
  );
  const squared = tf.sum<tf.Tensor2D>(tf.square(differences), 2);
  const apart = constant(() => tf.greater<tf.Tensor2D>(squared, 0));
  const cosines = (): tf.Tensor3D => {
    const directions = l2Normalize(differences);
    return tf.matMul(directions, directions, false, true);
  };
  return { squared, apart, cosines };
}

/**
 * ‖a − b‖² = ‖a‖² + ‖b‖² − 2a·b, and (j − i)·(k − i) = j·k + (i·i / 2 − i·j) + (i·i / 2 − i·k).
 * Rows are taken about their mean, which changes no distance and saves digits; so the gradient need
 * not pass through it.
 */
export function byProduct(rows: tf.Tensor2D): Distances {
  const batch = rows.shape[0];
  const centred = tf.sub<tf.Tensor2D>(rows, stopGradient(tf.mean<tf.Tensor2D>(rows, 0, true)));
  const inner: tf.Tensor2D = tf.matMul(centred, centred, false, true);
  const own = tf.sum(tf.square(centred), 1, true);
  const sums = tf.add(own, tf.transpose(own));
  const raw = tf.sub<tf.Tensor2D>(sums, tf.mul(inner, 2));
  const excess = tf.sub<tf.Tensor2D>(raw, tf.mul(sums, rounding));
  const apart = constant(() => tf.greater<tf.Tensor2D>(excess, 0));
  const squared: tf.Tensor2D = tf.where(apart, raw, tf.zerosLike(raw));
  const cosines = (): tf.Tensor3D => {
    const inverse = tf.div(
      tf.cast(apart, 'float32'),
      tf.sqrt(tf.where(apart, squared, tf.onesLike(squared))),
    );
    const offset = tf.sub(tf.div(own, 2), inner);
    const across = (matrix: tf.Tensor): [tf.Tensor, tf.Tensor] => [
      tf.reshape(matrix, [batch, batch, 1]),
      tf.reshape(matrix, [batch, 1, batch]),
    ];
    const [[offsetJ, offsetK], [inverseJ, inverseK]] = [across(offset), across(inverse)];
    const products = tf.add(tf.add(tf.reshape(inner, [1, batch, batch]), offsetJ), offsetK);
    return tf.mul(tf.mul(products, inverseJ), inverseK);
  };
  return { squared, apart, cosines };
}
