import * as tf from '@tensorflow/tfjs-core';

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
export function topVector(x: tf.Tensor3D): tf.Tensor3D {
  const run = tf.customGrad((...args) => {
    const [x, save] = args as [tf.Tensor3D, tf.GradSaveFunc];
    const powers = [overTrace(tf.matMul<tf.Tensor3D>(x, x, true))];
    for (let at = 1; at <= squarings; at++)
      powers.push(
        overTrace(tf.matMul(powers[at - 1] as tf.Tensor3D, powers[at - 1] as tf.Tensor3D)),
      );
    const value = largestColumn(powers.pop() as tf.Tensor3D);
    save([x, value, ...powers]);
    return {
      value,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        gradientOf(dy as tf.Tensor3D, saved as tf.Tensor3D[]),
    };
  });
  return run(x) as tf.Tensor3D;
}

/** @param saved X, v, and A to the powers 1, 2, 4 … over their traces. */
function gradientOf(dy: tf.Tensor3D, [x, v, ...powers]: readonly tf.Tensor3D[]): tf.Tensor3D {
  if (x === undefined || v === undefined)
    throw new Error('topVector: its gradient is taken without what was saved.');
  const across = (z: tf.Tensor3D): tf.Tensor3D => tf.sub(z, tf.mul(v, tf.matMul(v, z, true)));
  const along = tf.matMul(x, v);
  let y = across(dy);
  for (const power of powers) {
    const [ofV, ofY] = [tf.matMul(v, tf.matMul(power, v), true), tf.matMul(power, y)];
    y = across(tf.add(y, tf.mul(ofY, inverse(ofV))));
  }
  y = tf.mul(y, inverse(tf.sum(tf.square(along), 1, true)));
  return tf.add(tf.matMul(tf.matMul(x, y), v, false, true), tf.matMul(along, y, false, true));
}

function overTrace(matrix: tf.Tensor3D): tf.Tensor3D {
  return tf.mul(matrix, inverse(tf.sum(diagonal(matrix), [1, 2], true)));
}

/** [batch, columns, 1]. */
function diagonal(matrix: tf.Tensor3D): tf.Tensor3D {
  return tf.sum(tf.mul(matrix, tf.eye(matrix.shape[1])), 2, true);
}

/** The column where the diagonal is largest, at length 1. */
function largestColumn(matrix: tf.Tensor3D): tf.Tensor3D {
  const column = tf.matMul(matrix, isLargest(diagonal(matrix)));
  return tf.mul(column, inverse(tf.sqrt(tf.sum(tf.square(column), 1, true))));
}

/** 1 where x is largest along axis 1, the first of several, and 0 elsewhere. */
export function isLargest(x: tf.Tensor3D): tf.Tensor3D {
  const places = tf.reshape(tf.range(0, x.shape[1], 1, 'int32'), [1, x.shape[1], 1]);
  return tf.cast(tf.equal(places, tf.expandDims(tf.argMax(x, 1), 1)), 'float32');
}

/** 1/x, and 0 at 0. */
function inverse(x: tf.Tensor): tf.Tensor {
  const isSome = tf.cast(tf.greater(x, 0), 'float32');
  return tf.div(isSome, tf.add(x, tf.sub(1, isSome)));
}
