import * as tf from '@tensorflow/tfjs-core';
import { ensure } from './errors.ts';
import { assertShape } from './shapes.ts';

/**
 * Name of the kernel that an engine may register to do all of `normalizeBatch` in one call:
 *   inputs  x float32 [batch, height, width, channels]; scale and offset float32 [channels]
 *   attrs   epsilon number
 *   outputs [output as x, mean [channels], variance [channels], …what its own gradient needs];
 *           the variance is biased
 * An engine that registers it registers a gradient under the same name too, which returns
 * { x, scale, offset } for the dy of outputs[0] and ignores that of the others: mean and variance
 * carry no gradient.
 */
const kernelName = 'KdBatchNorm';

/**
 * Normalizes a batch with its own statistics (batch normalization):
 *   output = scale · (x − mean) / √(variance + epsilon) + offset
 * Ioffe and Szegedy, "Batch normalization", ICML 2015, algorithm 1; its gradient is analytic, as in
 * section 3.
 * @param x [batch, height, width, channels] or [batch, channels].
 * @param scale [channels]. @param offset [channels]. @param epsilon ≥ 0; 1e-5 is usual.
 * @returns The output, and mean and variance over all axes but channels, [channels], for the
 * running
 * averages. The variance is biased (divided by n); neither carries a gradient. The caller owns all
 * three.
 */
export function normalizeBatch<X extends tf.Tensor2D | tf.Tensor4D>(
  x: X,
  scale: tf.Tensor1D,
  offset: tf.Tensor1D,
  epsilon: number,
): { output: X; mean: tf.Tensor1D; variance: tf.Tensor1D } {
  ensure(
    x.rank === 2 || x.rank === 4,
    'normalizeBatch',
    'x [batch, height, width, channels] or [batch, channels]',
    x.shape,
  );
  ensure(epsilon >= 0, 'normalizeBatch', 'epsilon ≥ 0', epsilon, '1e-5 is usual');
  const channels = x.shape[x.rank - 1] as number;
  assertShape('normalizeBatch', 'scale [channels]', scale, [channels]);
  assertShape('normalizeBatch', 'offset [channels]', offset, [channels]);
  return tf.tidy(() => {
    const maps: tf.Tensor4D =
      x.rank === 4 ? (x as tf.Tensor4D) : tf.reshape(x, [x.shape[0], 1, 1, channels]);
    const { output, mean, variance } = hasKernel()
      ? callKernel(maps, scale, offset, epsilon)
      : composed(maps, scale, offset, epsilon);
    return {
      output: (x.rank === 4 ? output : tf.reshape(output, x.shape as [number, number])) as X,
      mean,
      variance,
    };
  });
}

interface Normalized {
  readonly output: tf.Tensor4D;
  readonly mean: tf.Tensor1D;
  readonly variance: tf.Tensor1D;
}

function hasKernel(): boolean {
  return tf.getKernel(kernelName, tf.getBackend()) !== undefined;
}

function callKernel(
  x: tf.Tensor4D,
  scale: tf.Tensor1D,
  offset: tf.Tensor1D,
  epsilon: number,
): Normalized {
  const outputs = tf
    .engine()
    .runKernel(kernelName, { x, scale, offset }, { epsilon }) as tf.Tensor[];
  const [output, mean, variance] = outputs as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D];
  return { output, mean, variance };
}

function composed(
  x: tf.Tensor4D,
  scale: tf.Tensor1D,
  offset: tf.Tensor1D,
  epsilon: number,
): Normalized {
  const axes = [0, 1, 2];
  const mean = withoutGradient(x, () => tf.mean(x, axes) as tf.Tensor1D);
  const variance = withoutGradient(
    x,
    () => tf.mean(tf.square(tf.sub(x, mean)), axes) as tf.Tensor1D,
  );

  const normalize = tf.customGrad((...args) => {
    const [x, scale, offset, save] = args as [
      tf.Tensor4D,
      tf.Tensor1D,
      tf.Tensor1D,
      tf.GradSaveFunc,
    ];
    save([x, scale, mean, variance]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] =>
      gradients(dy, saved, epsilon);
    return { value: tf.batchNorm4d(x, mean, variance, offset, scale, epsilon), gradFunc };
  });
  return { output: normalize(x, scale, offset), mean, variance };
}

/**
 * dx = scale / std · (dy − mean(dy) − x̂ · mean(dy · x̂)), with x̂ = (x − mean) / std;
 * dscale = Σ dy · x̂; doffset = Σ dy.
 */
function gradients(dy: tf.Tensor, saved: tf.Tensor[], epsilon: number): tf.Tensor[] {
  const [x, scale, mean, variance] = saved as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D, tf.Tensor1D];
  const axes = [0, 1, 2];
  const count = x.size / mean.size;
  // The engine's own kernel for (x − mean) / std · scale + offset is one pass over x; its parts
  // would be four.
  const normalized = tf.batchNorm4d(x, mean, variance, undefined, undefined, epsilon);
  const offsetGradient = tf.sum<tf.Tensor1D>(dy, axes);
  const scaleGradient = tf.sum<tf.Tensor1D>(tf.mul(dy, normalized), axes);
  const common = tf.batchNorm4d(
    x,
    mean,
    variance,
    tf.div(offsetGradient, count),
    tf.div(scaleGradient, count),
    epsilon,
  );
  const inverseStd = tf.rsqrt(tf.add(variance, epsilon));
  return [tf.mul(tf.mul(scale, inverseStd), tf.sub(dy, common)), scaleGradient, offsetGradient];
}

function withoutGradient<Result extends tf.Tensor>(x: tf.Tensor, run: () => Result): Result {
  return tf.customGrad(() => ({ value: run(), gradFunc: () => tf.zeros(x.shape) }))(x);
}
