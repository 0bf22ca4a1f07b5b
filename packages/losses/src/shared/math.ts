import * as tf from '@tensorflow/tfjs-core';

/**
 * Returns the same values without a gradient: a teacher's output is a target, whatever computed it.
 */
export function stopGradient<T extends tf.Tensor>(x: T): T {
  return tf.customGrad((values) => ({
    value: tf.clone(values as tf.Tensor),
    gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy),
  }))(x) as T;
}

/**
 * Computes a function without a gradient to anything it reads. Unlike `stopGradient` it costs
 * nothing in the backward pass. Comparisons need it: they have no gradient in TensorFlow.js, and
 * one between weights and a loss is an error.
 */
export function noGrad<T extends tf.Tensor>(run: () => T): T {
  // TensorFlow.js tapes only the argument of a custom gradient, and nothing is differentiated with
  // respect to this one.
  const zero = tf.scalar(0);
  return tf.customGrad(() => ({ value: run(), gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy) }))(
    zero,
  ) as T;
}

/** A length up to this counts as 0, as in PyTorch's `normalize`. */
const minLength = 1e-12;

/**
 * Normalizes vectors along an axis to length 1. Vectors of 0 stay 0, with the gradient 0.
 *
 * y = x / ‖x‖, and the gradient is the part orthogonal to y, divided by ‖x‖: (dy − y·(y·dy)) / ‖x‖.
 */
export function l2Normalize<T extends tf.Tensor>(x: T, axis = -1): T {
  const run = tf.customGrad((...args) => {
    const [x, save] = args as [tf.Tensor, tf.GradSaveFunc];
    const squares = tf.sum(tf.square(x), axis, true);
    const known = tf.greater(squares, minLength ** 2);
    const inverse = tf.div(
      tf.cast(known, 'float32'),
      tf.sqrt(tf.where(known, squares, tf.onesLike(squares))),
    );
    const value = tf.mul(x, inverse);
    save([value, inverse]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor => {
      const [value, inverse] = saved as [tf.Tensor, tf.Tensor];
      return tf.mul(tf.sub(dy, tf.mul(value, tf.sum(tf.mul(dy, value), axis, true))), inverse);
    };
    return { value, gradFunc };
  });
  return run(x) as T;
}

/**
 * √x of x ≥ 0 with the gradient 0 at 0, where that of the root is infinite and would make
 * everything before it NaN.
 */
export function safeSqrt<T extends tf.Tensor>(x: T): T {
  const run = tf.customGrad((...args) => {
    const [x, save] = args as [tf.Tensor, tf.GradSaveFunc];
    const root = tf.sqrt(x);
    save([root]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor => {
      const [root] = saved as [tf.Tensor];
      return tf.where(tf.greater(root, 0), tf.div(dy, tf.mul(root, 2)), tf.zerosLike(dy));
    };
    return { value: root, gradFunc };
  });
  return run(x) as T;
}

/**
 * log(1 + eˣ) to float32's precision for every x, also where it is small, which a sum over
 * thousands needs.
 */
export function softplus<T extends tf.Tensor>(x: T): T {
  const run = tf.customGrad((...args) => {
    const [x, save] = args as [tf.Tensor, tf.GradSaveFunc];
    save([x]);
    const value = tf.add(tf.relu(x), tf.log1p(tf.exp(tf.neg(tf.abs(x)))));
    return {
      value,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        tf.mul(dy, tf.sigmoid(saved[0] as tf.Tensor)),
    };
  });
  return run(x) as T;
}

/** Subtracts the mean along the axes. */
export function center<T extends tf.Tensor>(x: T, axis: number | number[]): T {
  return tf.sub<T>(x, tf.mean(x, axis, true));
}

/** Returns the length of vectors along an axis, with the gradient 0 where it is 0. */
export function vectorNorm(x: tf.Tensor, axis: number, keepDims = false): tf.Tensor {
  return safeSqrt(tf.sum(tf.square(x), axis, keepDims));
}

/** Returns 1/x, and 0 with the gradient 0 where x is 0. @param x ≥ 0. */
export function reciprocal(x: tf.Tensor): tf.Tensor {
  const isPositive = noGrad(() => tf.cast(tf.greater(x, 0), 'float32'));
  return tf.div(isPositive, tf.add(x, tf.sub(1, isPositive)));
}

/** |x| with the gradient 0 at 0, where that of `tf.abs` is −1. */
export function abs<T extends tf.Tensor>(x: T): T {
  return tf.add(tf.relu(x), tf.relu(tf.neg(x))) as T;
}

/**
 * Returns the same value and multiplies its gradient by a factor: below 0 it is reversed.
 * @param factor Not differentiated.
 */
export function scaleGradient<T extends tf.Tensor>(x: T, factor: number | tf.Scalar): T {
  const pass = tf.customGrad((...args) => ({
    value: tf.clone(args[0] as tf.Tensor),
    gradFunc: (dy: tf.Tensor) => tf.mul(dy, factor),
  }));
  return pass(x) as T;
}

/**
 * log Σ_c exp(x_c) of every row. TensorFlow.js's own is differentiated through its maximum too,
 * which is 0 up to rounding and costs three passes; here the gradient is softmax(x) and nothing
 * else.
 * @param x [batch, classes].
 * @returns [batch].
 */
export function logSumExp(x: tf.Tensor2D): tf.Tensor1D {
  const run = tf.customGrad((...args) => {
    const [x, save] = args as [tf.Tensor, tf.GradSaveFunc];
    const value = tf.logSumExp(x, 1);
    save([x, value]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor => {
      const [x, value] = saved as [tf.Tensor, tf.Tensor];
      return tf.mul(tf.exp(tf.sub(x, tf.expandDims(value, 1))), tf.expandDims(dy, 1));
    };
    return { value, gradFunc };
  });
  return run(x) as tf.Tensor1D;
}
