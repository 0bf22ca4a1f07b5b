import * as tf from '@tensorflow/tfjs-core';
import { replaceKernel } from './replaceKernel.ts';

/** A product of a batch with at least so many multiply-adds is worth a call of its own. */
const minMultiplyAdds = 2 ** 15;

/**
 * Registers a matrix product that transposes first and multiplies large matrices of a batch one by
 * one: `wasm` uses XNNPACK for single matrices only, a plain loop for transposed ones and batches.
 * Integers, which it refuses, are multiplied as float32: exact below 2²⁴.
 */
export function registerMatMul(backendName: string): void {
  replaceKernel('BatchMatMul', backendName, (stock) => (call) => {
    const { transposeA, transposeB, ...rest } = call.attrs as {
      transposeA: boolean;
      transposeB: boolean;
    };
    const { a, b } = call.inputs as Record<'a' | 'b', tf.Tensor>;
    if (a.dtype === 'int32' && b.dtype === 'int32') {
      return tf.tidy(() =>
        tf.cast(
          tf.matMul(tf.cast(a, 'float32'), tf.cast(b, 'float32'), transposeA, transposeB),
          'int32',
        ),
      );
    }
    if (transposeA || transposeB)
      return tf.tidy(() =>
        tf.matMul(transposeA ? transposeLast(a) : a, transposeB ? transposeLast(b) : b),
      );
    const batch = a.shape.slice(0, -2);
    const [rows, inner] = a.shape.slice(-2) as [number, number];
    const columns = b.shape.at(-1) as number;
    const isSameBatch = a.rank === b.rank && batch.every((side, axis) => side === b.shape[axis]);
    if (
      tf.util.sizeFromShape(batch) === 1 ||
      !isSameBatch ||
      rows * inner * columns < minMultiplyAdds
    )
      return stock({ ...call, attrs: { transposeA, transposeB, ...rest } });
    return tf.tidy(() => {
      const rights = unstackMatrices(b, batch, [inner, columns]);
      const products = unstackMatrices(a, batch, [rows, inner]).map((left, at) =>
        tf.matMul(left, rights[at] as tf.Tensor2D),
      );
      return tf.reshape(tf.concat(products), [...batch, rows, columns]);
    });
  });
}

/** The matrices of a batch, split as rows so that each is one copy. */
function unstackMatrices(
  matrices: tf.Tensor,
  batch: readonly number[],
  shape: [number, number],
): tf.Tensor2D[] {
  const count = tf.util.sizeFromShape([...batch]);
  return tf
    .split(tf.reshape(matrices, [count, shape[0] * shape[1]]), count)
    .map((matrix) => tf.reshape(matrix, shape));
}

function transposeLast(matrices: tf.Tensor): tf.Tensor {
  const axes = matrices.shape.map((_, axis) => axis);
  return tf.transpose(matrices, [...axes.slice(0, -2), axes.length - 1, axes.length - 2]);
}
