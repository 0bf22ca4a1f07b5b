import * as tf from '@tensorflow/tfjs-core';
import { replaceKernel } from './replaceKernel.ts';

/** Below so many elements the calls cost more than the passes. */
const minPooledElements = 2 ** 14;

/**
 * Registers `Sum` and `Mean` over axes before the last as an average pool. `wasm` transposes first,
 * to bring those axes to the end: 13 to 20 times slower, and every gradient of a bias and of a
 * batch norm is such a sum.
 */
export function registerPooledReductions(backendName: string): void {
  for (const kernelName of ['Sum', 'Mean']) {
    replaceKernel(kernelName, backendName, (stock) => (call) => {
      const { x } = call.inputs as { x: tf.Tensor };
      const { axis, keepDims } = call.attrs as unknown as {
        axis: number | number[];
        keepDims: boolean;
      };
      const axes = tf.util.parseAxisParam(axis, x.shape).sort((a, b) => a - b);
      if (x.dtype !== 'float32' || x.size < minPooledElements || !areInnerNeighbors(axes, x.rank))
        return stock(call);
      return tf.tidy(() => {
        const { averages, count } = averagePoolOver(x, axes);
        const shape = x.shape
          .map((side, at) => (axes.includes(at) ? 1 : side))
          .filter((_, at) => keepDims || !axes.includes(at));
        return tf.reshape(kernelName === 'Sum' ? tf.mul(averages, count) : averages, shape);
      });
    });
  }
}

/** Whether the axes are adjacent and before the last. */
function areInnerNeighbors(axes: readonly number[], rank: number): boolean {
  const [first, last] = [axes[0], axes.at(-1)];
  return (
    first !== undefined && last !== undefined && last - first === axes.length - 1 && last < rank - 1
  );
}

function averagePoolOver(
  x: tf.Tensor,
  axes: readonly number[],
): { averages: tf.Tensor; count: number } {
  const length = (from: number, to: number): number =>
    x.shape.slice(from, to).reduce((product, side) => product * side, 1);
  const [first, after] = [axes[0] as number, (axes.at(-1) as number) + 1];
  const count = length(first, after);
  const maps: tf.Tensor4D = tf.reshape(x, [length(0, first), count, 1, length(after, x.rank)]);
  return { averages: tf.avgPool(maps, [count, 1], 1, 'valid'), count };
}
