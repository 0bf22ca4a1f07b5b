import * as tf from '@tensorflow/tfjs-core';

/**
 * x [1, 4, 4, 1] and filter [3, 3, 1, 2]: small integers, so that every engine computes the same
 * numbers to the last bit.
 */
export const pixels = Array.from({ length: 16 }, (_, at) => ((at * 7) % 5) - 2);
export const filterWeights = Array.from({ length: 18 }, (_, at) => ((at * 5) % 7) - 3);

/**
 * Σ conv(x, filter)², its gradients, and the loss after filter −= gradient / 1024.
 * test/probe.test.ts computes them in plain loops.
 */
export const expected = {
  loss: 1314,
  pixelGradient: [
    -66, 136, 140, -102, -6, -168, -146, 94, -122, 204, -196, 142, 248, -182, 64, -68,
  ],
  filterGradient: [
    0, 62, -104, -4, 138, 28, -152, -74, 150, 0, -136, 62, 56, -20, -206, 26, 88, -88,
  ],
  lossAfterStep: 1156.6173095703125,
} as const;

/**
 * Trains one small convolution for one step on the current backend. @returns The first error, or
 * undefined if all numbers are right.
 */
export async function probeTraining(): Promise<string | undefined> {
  const before = tf.memory().numTensors;
  const filter = tf.tidy(() => tf.variable(tf.tensor4d(filterWeights, [3, 3, 1, 2])));
  const x = tf.tensor4d(pixels, [1, 4, 4, 1]);
  try {
    const lossOf = (x: tf.Tensor4D, filter: tf.Tensor4D): tf.Scalar =>
      tf.sum(tf.square(tf.conv2d(x, filter, 1, 'same')));
    const { value, grads } = tf.tidy(() =>
      tf.valueAndGrads((x, filter) => lossOf(x as tf.Tensor4D, filter as tf.Tensor4D))([x, filter]),
    );
    const [pixelGradient, filterGradient] = grads as [tf.Tensor, tf.Tensor];
    tf.tidy(() => filter.assign(tf.sub(filter, tf.mul(filterGradient, 1 / 1024)) as tf.Tensor4D));
    const after = tf.tidy(() => lossOf(x, filter as tf.Tensor4D));
    const found = { loss: value, pixelGradient, filterGradient, lossAfterStep: after };
    const numbers = await Promise.all(
      Object.entries(found).map(async ([name, tensor]) => [name, await tensor.data()] as const),
    );
    tf.dispose(found);
    for (const [name, got] of numbers) {
      const wrong = difference(name, got, [expected[name as keyof typeof expected]].flat());
      if (wrong !== undefined) return wrong;
    }
  } finally {
    tf.dispose([x, filter]);
  }
  const left = tf.memory().numTensors - before;
  return left === 0 ? undefined : `one training step left ${left} tensors behind`;
}

/** Tolerance: relative 1e-4, since a GPU may round. */
function difference(
  name: string,
  got: ArrayLike<number>,
  expectedValues: readonly number[],
): string | undefined {
  const at = expectedValues.findIndex(
    (value, index) =>
      !(Math.abs((got[index] as number) - value) <= 1e-4 * Math.max(1, Math.abs(value))),
  );
  return at < 0
    ? undefined
    : `one training step computed ${name}[${at}] as ${got[at]}, which is ${expectedValues[at]}`;
}
