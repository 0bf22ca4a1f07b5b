import * as tf from '@tensorflow/tfjs-core';
import { l2Normalize, noGrad, safeSqrt, stopGradient } from './math.ts';

/**
 * Number of squarings of the matrix: its power reaches 2¹⁶, which separates eigenvalues with a
 * relative difference of 1e-4, about the limit of float32.
 */
const squarings = 16;

/**
 * Computes the first right singular vector of each matrix by matrix products: the top eigenvector
 * of A = XᵀX.
 *
 * A, A², A⁴ … divided by their traces converge to v·vᵀ, and the column of the largest diagonal
 * entry is v, with that entry positive. Its derivative is dv = (λ − A)⁺ dA v, and (λ − A)⁺ = 1/λ ·
 * Π_j (1 + (A/λ)^(2^j)) orthogonally to v: the same powers, each with one vector only.
 * @param x [batch, rows, columns], rows ≥ columns or not; the work is columns³.
 * @returns [batch, columns, 1] with length 1; 0, with the gradient 0, of a matrix of zeros.
 */
export function powerIteration(x: tf.Tensor3D): tf.Tensor3D {
  const run = tf.customGrad((...args) => {
    const [x, save] = args as [tf.Tensor3D, tf.GradSaveFunc];
    const powers = [divideByTrace(tf.matMul<tf.Tensor3D>(x, x, true))];
    for (let at = 1; at <= squarings; at++)
      powers.push(
        divideByTrace(tf.matMul(powers[at - 1] as tf.Tensor3D, powers[at - 1] as tf.Tensor3D)),
      );
    const value = largestColumn(powers.pop() as tf.Tensor3D);
    save([x, value, ...powers]);
    return {
      value,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        powerIterationGradient(dy as tf.Tensor3D, saved as tf.Tensor3D[]),
    };
  });
  return run(x) as tf.Tensor3D;
}

/** @param saved X, v, and A to the powers 1, 2, 4 …, divided by their traces. */
function powerIterationGradient(
  dy: tf.Tensor3D,
  [x, v, ...powers]: readonly tf.Tensor3D[],
): tf.Tensor3D {
  if (x === undefined || v === undefined)
    throw new Error('powerIteration: its gradient is computed without the saved tensors.');
  const across = (z: tf.Tensor3D): tf.Tensor3D => tf.sub(z, tf.mul(v, tf.matMul(v, z, true)));
  const along = tf.matMul(x, v);
  let y = across(dy);
  for (const power of powers) {
    const [eigenvalue, product] = [tf.matMul(v, tf.matMul(power, v), true), tf.matMul(power, y)];
    y = across(tf.add(y, tf.mul(product, reciprocal(eigenvalue))));
  }
  y = tf.mul(y, reciprocal(tf.sum(tf.square(along), 1, true)));
  return tf.add(tf.matMul(tf.matMul(x, y), v, false, true), tf.matMul(along, y, false, true));
}

function divideByTrace(matrix: tf.Tensor3D): tf.Tensor3D {
  return tf.mul(matrix, reciprocal(tf.sum(diagonal(matrix), [1, 2], true)));
}

/** Returns [batch, columns, 1]. */
function diagonal(matrix: tf.Tensor3D): tf.Tensor3D {
  return tf.sum(tf.mul(matrix, tf.eye(matrix.shape[1])), 2, true);
}

/** Returns the column of the largest diagonal entry, with length 1. */
function largestColumn(matrix: tf.Tensor3D): tf.Tensor3D {
  const column = tf.matMul(matrix, argMaxMask(diagonal(matrix)));
  return tf.mul(column, reciprocal(tf.sqrt(tf.sum(tf.square(column), 1, true))));
}

/** Returns 1 at the first largest entry along axis 1, and 0 elsewhere. */
export function argMaxMask(x: tf.Tensor3D): tf.Tensor3D {
  const indices = tf.reshape(tf.range(0, x.shape[1], 1, 'int32'), [1, x.shape[1], 1]);
  return tf.cast(tf.equal(indices, tf.expandDims(tf.argMax(x, 1), 1)), 'float32');
}

/** 1/x, and 0 at 0. Unlike that of `math.ts` it is used within a custom gradient only. */
function reciprocal(x: tf.Tensor): tf.Tensor {
  const isPositive = tf.cast(tf.greater(x, 0), 'float32');
  return tf.div(isPositive, tf.add(x, tf.sub(1, isPositive)));
}

/** A remainder with this share of the matrix's squared norm is rounding: it has no directions. */
const rankTolerance = 1e-12;

/** The first singular values and right singular vectors of matrices. */
export interface SingularVectors {
  /** [batch, columns, count], each with length 1; 0 beyond the rank. The sign is arbitrary. */
  readonly vectors: tf.Tensor3D;
  /** [batch, 1, count], ≥ 0. */
  readonly values: tf.Tensor3D;
}

/**
 * Computes one singular vector after the other: the first of the matrix, then that of the remainder
 * without it.
 * @param x [batch, rows, columns].
 * @param count ≤ rows and columns.
 */
export function topRightSingularVectors(x: tf.Tensor3D, count: number): SingularVectors {
  const [vectors, values]: [tf.Tensor3D[], tf.Tensor3D[]] = [[], []];
  const smallest = tf.mul(tf.sum(tf.square(x), [1, 2], true), rankTolerance);
  let rest = x;
  for (let at = 0; at < count; at++) {
    const excess = tf.sub<tf.Tensor3D>(tf.sum(tf.square(rest), [1, 2], true), smallest);
    rest = tf.mul(
      rest,
      noGrad(() => tf.cast(tf.greater(excess, 0), 'float32')),
    );
    const vector = topRightSingularVector(rest);
    const along = tf.matMul<tf.Tensor3D>(rest, vector);
    vectors.push(vector);
    values.push(safeSqrt(tf.sum<tf.Tensor3D>(tf.square(along), 1, true)));
    rest = tf.sub(rest, tf.matMul(along, vector, false, true));
  }
  return { vectors: tf.concat(vectors, 2), values: tf.concat(values, 2) };
}

/** Works on the smaller side: the right vector of a wide matrix follows from its first left one. */
function topRightSingularVector(x: tf.Tensor3D): tf.Tensor3D {
  const [, rows, columns] = x.shape;
  if (columns <= rows) return powerIteration(x);
  const left = powerIteration(tf.transpose(x, [0, 2, 1]));
  return l2Normalize(tf.matMul<tf.Tensor3D>(x, left, true), 1);
}

/**
 * Largest number of differences of all pairs that are computed one by one: 4 MB, a batch of 128 and
 * rows of 64. Beyond it the product is several times as quick.
 */
const maxDifferences = 2 ** 20;

/**
 * A squared distance computed as a difference is rounding up to this share of both rows' squares:
 * float32 cannot distinguish it from 0.
 */
const distanceTolerance = 1e-6;

/** Distances and angles between the rows of a matrix. */
export interface PairwiseDistances {
  /** [batch, batch], ≥ 0, exactly 0 between a row and itself or its copy. */
  readonly squared: tf.Tensor2D;
  /** [batch, batch], boolean: where `squared` is not 0. */
  readonly apart: tf.Tensor2D;
  /**
   * [batch, batch, batch]: the cosine of the angle at i in the triangle of i, j and k, 0 if i
   * equals j or k.
   */
  cosines(): tf.Tensor3D;
}

/**
 * Computes the distances of all pairs and the angles of all triplets of rows: from their
 * differences, which lose no digits, or, where these would be too many, from one product of the
 * rows. To be called in a tidy.
 */
export function pairwiseDistances(rows: tf.Tensor2D): PairwiseDistances {
  const [batch, width] = rows.shape;
  return batch * batch * width <= maxDifferences
    ? distancesByDifferences(rows)
    : distancesByProduct(rows);
}

/** Computes distances from the differences i → j of all pairs, [batch, batch, width]. */
export function distancesByDifferences(rows: tf.Tensor2D): PairwiseDistances {
  const [batch, width] = rows.shape;
  const differences = tf.sub<tf.Tensor3D>(
    tf.reshape(rows, [1, batch, width]),
    tf.reshape(rows, [batch, 1, width]),
  );
  const squared = tf.sum<tf.Tensor2D>(tf.square(differences), 2);
  const apart = noGrad(() => tf.greater<tf.Tensor2D>(squared, 0));
  const cosines = (): tf.Tensor3D => {
    const directions = l2Normalize(differences);
    return tf.matMul(directions, directions, false, true);
  };
  return { squared, apart, cosines };
}

/**
 * Computes distances from products: ‖a − b‖² = ‖a‖² + ‖b‖² − 2a·b, and (j − i)·(k − i) = j·k + (i·i
 * / 2 − i·j) + (i·i / 2 − i·k). The mean of the rows is subtracted first, which changes no distance
 * and saves digits; so the gradient need not pass through it.
 */
export function distancesByProduct(rows: tf.Tensor2D): PairwiseDistances {
  const batch = rows.shape[0];
  const centered = tf.sub<tf.Tensor2D>(rows, stopGradient(tf.mean<tf.Tensor2D>(rows, 0, true)));
  const inner: tf.Tensor2D = tf.matMul(centered, centered, false, true);
  const own = tf.sum(tf.square(centered), 1, true);
  const sums = tf.add(own, tf.transpose(own));
  const raw = tf.sub<tf.Tensor2D>(sums, tf.mul(inner, 2));
  const excess = tf.sub<tf.Tensor2D>(raw, tf.mul(sums, distanceTolerance));
  const apart = noGrad(() => tf.greater<tf.Tensor2D>(excess, 0));
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
