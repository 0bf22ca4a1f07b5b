import { normalizeBatch } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { startEngine } from '../src/index.ts';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import type { NodeBackend } from '../src/node/tensorflow/binding/vendoredBackend.ts';
import { closeTo, pseudoRandom } from './numbers.ts';

/** Runs on `tensorflow` and on `cpu`, where TF.js's own kernels and gradients are used. */
async function onBoth(run: () => tf.Tensor[]): Promise<[Float32Array[], Float32Array[]]> {
  const results: Float32Array[][] = [];
  for (const engine of ['tensorflow', 'cpu'] as const) {
    await startEngine({ engine, log: () => {} });
    const before = tf.memory().numTensors;
    const outputs = tf.tidy(run);
    results.push(outputs.map((output) => output.dataSync() as Float32Array));
    tf.dispose(outputs);
    expect(tf.memory().numTensors).toBe(before);
  }
  return results as [Float32Array[], Float32Array[]];
}

async function expectSame(run: () => tf.Tensor[], relative = 1e-5): Promise<void> {
  const [ours, stock] = await onBoth(run);
  stock.forEach((values, at) => {
    closeTo(ours[at] as Float32Array, values, relative);
  });
}

const maps = (seed: number, shape: [number, number, number, number] = [3, 5, 4, 6]): tf.Tensor4D =>
  tf.tensor4d(pseudoRandom(seed, shape), shape);

describe.skipIf('reason' in locateLibrary())(
  'our kernels and gradients on tensorflow equal TF.js’s own',
  () => {
    beforeAll(() => startEngine({ engine: 'tensorflow', log: () => {} }));

    test('relu’s gradient, and the gradient of that', async () => {
      await expectSame(() => {
        const weigh = (x: tf.Tensor): tf.Scalar => tf.sum(tf.mul(tf.square(tf.relu(x)), maps(2)));
        const first = tf.grad(weigh)(maps(1));
        const second = tf.grad((x) => tf.sum(tf.square(tf.grad(weigh)(x))))(maps(1));
        return [first, second];
      });
    });

    test('a bias added to maps and to rows, with gradients', async () => {
      await expectSame(() => {
        const bias = tf.tensor1d(pseudoRandom(5, [6]));
        const run = (x: tf.Tensor, bias: tf.Tensor): tf.Scalar =>
          tf.sum(tf.square(tf.add(x, bias)));
        const rows = tf.reshape(maps(4), [-1, 6]);
        return [
          tf.add(maps(4), bias),
          ...tf.grads(run)([maps(4), bias]),
          ...tf.grads(run)([rows, bias]),
        ];
      });
    });

    test('an addition that is no bias goes the usual way', async () => {
      await expectSame(() => [
        tf.add(maps(4), tf.reshape(tf.tensor1d(pseudoRandom(5, [4])), [4, 1])),
        tf.add(tf.tensor1d([1, 2]), tf.tensor1d([3, 4])),
      ]);
    });

    test('batch normalization with its statistics and gradients, for maps, rows and a single value each', async () => {
      await expectSame(() => {
        const scale = tf.tensor1d(pseudoRandom(7, [6]));
        const offset = tf.tensor1d(pseudoRandom(8, [6]));
        const results = [maps(6), maps(6, [64, 1, 1, 6]), maps(6, [2, 1, 1, 6])].flatMap((x) => {
          const { output, mean, variance } = normalizeBatch(x, scale, offset, 1e-5);
          const weighed = (x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor): tf.Scalar =>
            tf.sum(
              tf.mul(
                normalizeBatch(x as tf.Tensor4D, scale as tf.Tensor1D, offset as tf.Tensor1D, 1e-3)
                  .output,
                maps(9, x.shape as [number, number, number, number]),
              ),
            );
          return [output, mean, variance, ...tf.grads(weighed)([x, scale, offset])];
        });
        const rows = normalizeBatch(
          tf.tensor2d(pseudoRandom(6, [16, 6]), [16, 6]),
          scale,
          offset,
          1e-5,
        );
        return [...results, rows.output, rows.mean, rows.variance];
      }, 2e-5);
    });

    test.each([
      [2, 2, 'valid', [2, 6, 8, 3]],
      [3, 3, 'same', [2, 6, 9, 3]],
      [2, 2, 'same', [2, 5, 8, 3]],
      [3, 2, 'valid', [2, 7, 7, 3]],
      [2, 1, 'valid', [2, 5, 5, 3]],
      [1, 1, 'valid', [2, 3, 3, 3]],
    ] as const)(
      'max pool by %d every %d, %s, of maps of %j: also where several values are the largest',
      async (size, strides, padding, shape) => {
        await expectSame(() => {
          const rounded = tf.round(maps(1, [...shape]));
          const run = (x: tf.Tensor): tf.Scalar =>
            tf.sum(tf.square(tf.add(tf.maxPool(x as tf.Tensor4D, size, strides, padding), 5)));
          return [tf.grad(run)(rounded), tf.grad(run)(maps(2, [...shape]))];
        }, 1e-6);
      },
    );

    test.each([
      1,
      [
        [0, 0],
        [1, 0],
        [2, 1],
        [0, 0],
      ],
    ] as const)('convolutions padded by %j, with gradients', async (pad) => {
      await expectSame(() => {
        const filter = tf.tensor4d(pseudoRandom(3, [3, 3, 6, 5]), [3, 3, 6, 5]);
        const run = (x: tf.Tensor, filter: tf.Tensor): tf.Tensor =>
          tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 2, pad as number, 'NHWC', 1, 'floor');
        return [
          run(maps(1), filter),
          ...tf.grads((x, filter) => tf.sum(tf.square(run(x, filter))))([maps(1), filter]),
        ];
      });
    });

    test.each([
      [7, 2, 3],
      [5, 3, 2],
      [3, 2, 2],
      [1, 2, 1],
    ])('convolutions by %d every %d, padded by %d, with gradients', async (size, stride, pad) => {
      await expectSame(() => {
        const filter = tf.tensor4d(pseudoRandom(4, [size, size, 6, 5]), [size, size, 6, 5]);
        const run = (x: tf.Tensor, filter: tf.Tensor): tf.Tensor =>
          tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, stride, pad, 'NHWC', 1, 'floor');
        return [
          run(maps(1), filter),
          ...tf.grads((x, filter) => tf.sum(tf.square(run(x, filter))))([maps(1), filter]),
        ];
      });
    });
  },
);

describe.skipIf('reason' in locateLibrary())('kernels that tfjs-node lacks', () => {
  beforeAll(() => startEngine({ engine: 'tensorflow', log: () => {} }));

  test('the gradient of a padded average pool is that of the average, which counts no padding', () => {
    const values = pseudoRandom(1, [1, 5, 5, 2]);
    const weigh = tf.tensor4d(pseudoRandom(2, [1, 3, 3, 2]), [1, 3, 3, 2]);
    const loss = (x: tf.Tensor): tf.Scalar =>
      tf.sum(tf.mul(weigh, tf.avgPool(x as tf.Tensor4D, 3, 2, 1)));
    const at = (numbers: Float32Array): number =>
      tf.tidy(() => loss(tf.tensor4d(numbers, [1, 5, 5, 2])).dataSync()[0] as number);
    const gradient = tf.tidy(() =>
      tf
        .grad(loss)(tf.tensor4d(values, [1, 5, 5, 2]))
        .dataSync(),
    );
    for (const place of [0, 9, 24, 49]) {
      const [more, less] = [Float32Array.from(values), Float32Array.from(values)];
      more[place] = (more[place] as number) + 0.5;
      less[place] = (less[place] as number) - 0.5;
      expect(gradient[place]).toBeCloseTo(at(more) - at(less), 5);
    }
    weigh.dispose();
  });

  test('multinomial draws the same for the same seed, and by the given probabilities', () => {
    const draw = (seed: number): number[] =>
      tf.tidy(
        () => tf.multinomial(tf.tensor1d([0.2, 0.8]), 2_000, seed, true).arraySync() as number[],
      );
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    expect(draw(7).reduce((sum, value) => sum + value) / 2_000).toBeCloseTo(0.8, 1);
  });

  test('they leave nothing behind on the device', () => {
    const count = (): number => (tf.backend() as NodeBackend).binding.getNumOfTensors();
    const before = count();
    tf.tidy(() => {
      tf.grad((x) => tf.avgPool(x as tf.Tensor4D, 3, 2, 1, 'ceil'))(tf.ones([1, 6, 6, 1]));
      tf.image.transform(tf.ones([1, 4, 4, 1]), tf.tensor2d([[1, 0, 1, 0, 1, 0, 0, 0]]));
      tf.denseBincount(tf.tensor1d([0, 2, 2], 'int32'), tf.tensor1d([]), 3);
    });
    expect(count()).toBe(before);
  });
});
