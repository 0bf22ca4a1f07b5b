import * as tf from '@tensorflow/tfjs-core';
import { l2Normalize, noGrad, reciprocal, safeSqrt, stopGradient } from './math.ts';

/**
 * Matrices are squared so often: their powers reach 2¹⁶, and eigenvalues are told apart that differ
 * by 1e-4 of themselves, about what float32 can tell.
 */
const squarings = 16;

/**
 * The first right singular vector of each matrix, in plain products: the top eigenvector of A =
 * XᵀX.
 *
 * A, A², A⁴ … over their traces go to v·vᵀ, and its column where v is largest is v, with that entry
 * positive. Its derivative is
 * dv = (λ − A)⁺ dA v, and (λ − A)⁺ = 1/λ · Π_j (1 + (A/λ)^(2^j)) across v: the same powers, each
 * with one vector only.
 * @param x [batch, rows, columns], rows ≥ columns or not; the work is columns³.
 * @returns [batch, columns, 1] at length 1; 0, with the gradient 0, of a matrix of zeros.
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

/** @param saved X, v, and A to the powers 1, 2, 4 … over their traces. */
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

/** [batch, columns, 1]. */
function diagonal(matrix: tf.Tensor3D): tf.Tensor3D {
  return tf.sum(tf.mul(matrix, tf.eye(matrix.shape[1])), 2, true);
}

/** The column where the diagonal is largest, at length 1. */
function largestColumn(matrix: tf.Tensor3D): tf.Tensor3D {
  const column = tf.matMul(matrix, argMaxMask(diagonal(matrix)));
  return tf.mul(column, reciprocal(tf.sqrt(tf.sum(tf.square(column), 1, true))));
}

/** 1 where x is largest along axis 1, the first of several, and 0 elsewhere. */
export function argMaxMask(x: tf.Tensor3D): tf.Tensor3D {
  const indices = tf.reshape(tf.range(0, x.shape[1], 1, 'int32'), [1, x.shape[1], 1]);
  return tf.cast(tf.equal(indices, tf.expandDims(tf.argMax(x, 1), 1)), 'float32');
}

/** A rest of this share of a matrix, squared, is rounding: it has no directions of its own. */
const rankTolerance = 1e-12;

/** The first singular values and right singular vectors of matrices. */
export interface SingularVectors {
  /** [batch, columns, count], each at length 1; 0 beyond the rank. The sign is arbitrary. */
  readonly vectors: tf.Tensor3D;
  /** [batch, 1, count], ≥ 0. */
  readonly values: tf.Tensor3D;
}

/**
 * One after the other: the first vector of the matrix, then that of what is left without it.
 * @param x [batch, rows, columns]. @param count ≤ rows and columns.
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

/** By way of the smaller side: of a wide matrix the first left vector, which says the right one. */
function topRightSingularVector(x: tf.Tensor3D): tf.Tensor3D {
  const [, rows, columns] = x.shape;
  if (columns <= rows) return powerIteration(x);
  const left = powerIteration(tf.transpose(x, [0, 2, 1]));
  return l2Normalize(tf.matMul<tf.Tensor3D>(x, left, true), 1);
}

/**
 * Numbers of the differences of all pairs that are worth their digits: 4 MB, a batch of 128 and
 * rows of 64. Beyond, the product is several times as quick.
 */
const maxDifferences = 2 ** 20;

/**
 * A squared distance up to this share of both rows' squares is rounding, where it is their
 * difference: float32 cannot tell it from 0.
 */
const distanceTolerance = 1e-6;

/** How rows lie to each other. */
export interface PairwiseDistances {
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
export function pairwiseDistances(rows: tf.Tensor2D): PairwiseDistances {
  const [batch, width] = rows.shape;
  return batch * batch * width <= maxDifferences
    ? distancesByDifferences(rows)
    : distancesByProduct(rows);
}

/** Differences i → j of all pairs, [batch, batch, width]. */
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
 * ‖a − b‖² = ‖a‖² + ‖b‖² − 2a·b, and (j − i)·(k − i) = j·k + (i·i / 2 − i·j) + (i·i / 2 − i·k).
 * Rows are taken about their mean, which changes no distance and saves digits; so the gradient need
 * not pass through it.
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
