import { normalizeBatch } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEngine } from '../src/index.ts';
import { closeTo, pseudoRandom } from './numbers.ts';

type Shape = [number, number, number, number];
type Padding = Parameters<typeof tf.conv2d>[3];
type Run = (x: tf.Tensor4D, filter: tf.Tensor4D) => tf.Tensor4D;

/** Both gradients of Σ y · w for a convolution y, on wasm and on cpu. */
async function expectGradientsOfCpu(
  inputShape: Shape,
  filterShape: Shape,
  run: Run,
): Promise<void> {
  const results: Float32Array[][] = [];
  for (const engine of ['wasm', 'cpu'] as const) {
    await tf.setBackend(engine);
    const before = tf.memory().numTensors;
    const gradients = tf.tidy(() => {
      const x = tf.tensor4d(pseudoRandom(1, inputShape), inputShape);
      const filter = tf.tensor4d(pseudoRandom(2, filterShape), filterShape);
      const weighed = (x: tf.Tensor, filter: tf.Tensor): tf.Scalar => {
        const y = run(x as tf.Tensor4D, filter as tf.Tensor4D);
        return tf.sum(tf.mul(y, tf.tensor(pseudoRandom(3, y.shape), y.shape)));
      };
      return tf.grads(weighed)([x, filter]);
    });
    results.push(gradients.map((gradient) => gradient.dataSync() as Float32Array));
    tf.dispose(gradients);
    expect(tf.memory().numTensors).toBe(before);
  }
  const [ours, stock] = results as [Float32Array[], Float32Array[]];
  stock.forEach((values, at) => {
    closeTo(ours[at] as Float32Array, values, 1e-5);
  });
}

const paddings: Padding[] = [
  'same',
  'valid',
  [
    [0, 0],
    [2, 1],
    [0, 3],
    [0, 0],
  ],
];

beforeAll(async () => {
  for (const engine of ['cpu', 'wasm'] as const) await startEngine({ engine, log: () => {} });
});
afterAll(() => tf.setBackend('cpu'));

describe('gradients of convolutions on wasm equal those on cpu', () => {
  test.each([1, 2, 3, 4, 5, 6, 7])(
    'filters of side %d, strides 1 to 3, all paddings, odd and even sizes',
    async (size) => {
      for (const strides of [1, 2, 3]) {
        for (const padding of paddings) {
          for (const [height, width] of [
            [8, 8],
            [9, 7],
          ] as const) {
            const run: Run = (x, filter) =>
              tf.conv2d(
                x,
                filter,
                strides,
                padding,
                'NHWC',
                1,
                typeof padding === 'string' ? undefined : 'floor',
              );
            await expectGradientsOfCpu([2, height, width, 3], [size, size, 3, 4], run);
          }
        }
      }
    },
  );

  test('filters, strides and paddings that differ by axis', async () => {
    await expectGradientsOfCpu([2, 7, 10, 2], [3, 5, 2, 3], (x, filter) =>
      tf.conv2d(x, filter, [1, 3], 'same'),
    );
    await expectGradientsOfCpu([1, 6, 9, 2], [1, 4, 2, 3], (x, filter) =>
      tf.conv2d(x, filter, [3, 2], 'valid'),
    );
    await expectGradientsOfCpu([1, 6, 6, 2], [2, 2, 2, 3], (x, filter) =>
      tf.conv2d(x, filter, 1, 3),
    );
  });

  test.each([1, 2, 3, 5])(
    'depthwise filters of side %d, multipliers 1 and 2, strides 1 to 3',
    async (size) => {
      for (const strides of [1, 2, 3]) {
        for (const multiplier of [1, 2]) {
          for (const padding of ['same', 'valid'] as const) {
            const run: Run = (x, filter) => tf.depthwiseConv2d(x, filter, strides, padding);
            await expectGradientsOfCpu([2, 8, 7, 3], [size, size, 3, multiplier], run);
          }
        }
      }
    },
  );

  test('a transposed convolution', async () => {
    await expectGradientsOfCpu([2, 5, 5, 3], [3, 3, 4, 3], (x, filter) =>
      tf.conv2dTranspose(x, filter, [2, 11, 11, 4], 2, 'valid'),
    );
  });
});

test('transposed matrix products and the gradient of gather on wasm equal those on cpu', async () => {
  const run = (): Float32Array[] =>
    tf.tidy(() => {
      const a = tf.tensor3d(pseudoRandom(1, [2, 3, 4]), [2, 3, 4]);
      const b = tf.tensor3d(pseudoRandom(2, [2, 3, 5]), [2, 3, 5]);
      const c = tf.tensor3d(pseudoRandom(3, [2, 5, 4]), [2, 5, 4]);
      const rows = tf.tensor1d([2, 0, 2], 'int32');
      const gathered = tf.grad((x) => tf.sum(tf.square(tf.gather(x, rows))))(
        tf.tensor2d(pseudoRandom(4, [4, 2]), [4, 2]),
      );
      const turned = [
        tf.matMul(a, b, true),
        tf.matMul(a, c, false, true),
        tf.matMul(a, tf.transpose(b, [0, 2, 1]), true, true),
      ];
      return [...turned, gathered].map((tensor) => tensor.dataSync() as Float32Array);
    });
  await tf.setBackend('wasm');
  const ours = run();
  await tf.setBackend('cpu');
  run().forEach((values, at) => {
    closeTo(ours[at] as Float32Array, values, 1e-5);
  });
});

test('on wasm a clone shares the data and outlives what it was cloned from', async () => {
  await tf.setBackend('wasm');
  const before = tf.memory();
  const original = tf.tensor1d([1, 2, 3]);
  const clone = tf.clone(original);
  expect(clone.dataId).toBe(original.dataId);
  original.dispose();
  expect([...clone.dataSync()]).toEqual([1, 2, 3]);
  clone.dispose();
  expect(tf.memory()).toMatchObject({
    numTensors: before.numTensors,
    numDataBuffers: before.numDataBuffers,
  });
});

test('einsum, products of integers, casts to bool and the gradient of a gather from one row on wasm equal those on cpu', async () => {
  const run = (): number[][] =>
    tf.tidy(() => {
      const a = tf.tensor3d(pseudoRandom(1, [2, 3, 4]), [2, 3, 4]);
      const b = tf.tensor2d(pseudoRandom(2, [4, 5]), [4, 5]);
      const integers = tf.tensor2d([1, 2, 3, -4], [2, 2], 'int32');
      const ofOneRow = tf.grad((x) =>
        tf.sum(tf.square(tf.gather(x, tf.tensor1d([0, 0], 'int32')))),
      )(tf.tensor2d([1, 2], [1, 2]));
      const results = [
        tf.einsum('bij,jk->kbi', a, b),
        tf.einsum('bij->j', a),
        tf.matMul(integers, integers, false, true),
        tf.cast(integers, 'bool'),
        ofOneRow,
      ];
      return results.map((tensor) => [...tensor.dataSync()]);
    });
  await tf.setBackend('wasm');
  const ours = run();
  await tf.setBackend('cpu');
  run().forEach((values, at) => {
    closeTo(ours[at] as number[], values, 1e-5);
  });
});

/**
 * What `run` gives on wasm and on cpu, where TF.js's own kernels are used, is the same within a
 * hundred thousandth of the largest number.
 */
async function expectSame(run: () => tf.Tensor[], relative = 1e-5): Promise<void> {
  const results: Float32Array[][] = [];
  for (const engine of ['wasm', 'cpu'] as const) {
    await startEngine({ engine, log: () => {} });
    const before = tf.memory().numTensors;
    const outputs = tf.tidy(run);
    results.push(outputs.map((output) => output.dataSync() as Float32Array));
    tf.dispose(outputs);
    expect(tf.memory().numTensors).toBe(before);
  }
  const [ours, stock] = results as [Float32Array[], Float32Array[]];
  stock.forEach((values, at) => {
    closeTo(ours[at] as Float32Array, values, relative);
  });
}

const maps = (seed: number, shape: Shape = [3, 6, 4, 5]): tf.Tensor4D =>
  tf.tensor4d(pseudoRandom(seed, shape), shape);
const row = (seed: number, length: number): tf.Tensor1D =>
  tf.tensor1d(pseudoRandom(seed, [length]));

beforeAll(() => startEngine({ engine: 'wasm', log: () => {} }));

describe('our kernels on wasm equal those of cpu', () => {
  test('sums and means over any axes, large and small, with and without the summed ones', async () => {
    for (const shape of [[8, 16, 12, 16] as Shape, [2, 3, 4, 5] as Shape]) {
      for (const axes of [[0], [1], [0, 1, 2], [1, 2], [-2], [0, 2], [3], [2, 3], [0, 1, 2, 3]]) {
        for (const keepDims of [true, false]) {
          await expectSame(() => [
            tf.sum(maps(1, shape), axes, keepDims),
            tf.mean(maps(1, shape), axes, keepDims),
          ]);
        }
      }
    }
    const shapes = (): number[][] => {
      const large = maps(1, [8, 16, 12, 16]);
      return [
        tf.sum(large, [1, 2]),
        tf.sum(large, [1, 2], true),
        tf.mean(large, 0),
        tf.sum(tf.cast(large, 'int32'), 0),
      ].map(({ shape }) => shape);
    };
    await startEngine({ engine: 'wasm', log: () => {} });
    expect(tf.tidy(shapes)).toEqual([
      [8, 16],
      [8, 1, 1, 16],
      [16, 12, 16],
      [16, 12, 16],
    ]);
  });

  test('batch normalization with its statistics and gradients, for maps, rows and means far from 0', async () => {
    for (const far of [0, 30]) {
      for (const shape of [[4, 5, 6, 3] as Shape, [7, 1, 1, 3] as Shape]) {
        const run = (): tf.Tensor[] => {
          const [scale, offset] = [row(2, 3), row(3, 3)];
          const x = tf.add(maps(1, shape), far);
          const output = (x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor): tf.Tensor =>
            normalizeBatch(x as tf.Tensor4D, scale as tf.Tensor1D, offset as tf.Tensor1D, 1e-3)
              .output;
          const weigh = (...args: tf.Tensor[]): tf.Scalar =>
            tf.sum(tf.mul(output(...(args as [tf.Tensor, tf.Tensor, tf.Tensor])), maps(4, shape)));
          return [
            ...Object.values(normalizeBatch(x as tf.Tensor4D, scale, offset, 1e-3)),
            ...tf.grads(weigh)([x, scale, offset]),
          ];
        };
        await expectSame(run, far === 0 ? 1e-5 : 1e-4);
      }
    }
  });

  test('batch normalization with given averages, with and without scale and offset, and its gradient', async () => {
    const positive = (): tf.Tensor1D => tf.add(tf.square(row(3, 5)), 0.5);
    await expectSame(() => [
      tf.batchNorm(maps(1), row(2, 5), positive(), row(4, 5), row(5, 5), 1e-3),
      tf.batchNorm(maps(1), row(2, 5), positive()),
      tf.batchNorm(maps(1), row(2, 5), positive(), undefined, row(5, 5)),
      tf.batchNorm(maps(1), maps(2), tf.square(maps(3)), maps(4)),
      tf.grad((x) =>
        tf.sum(
          tf.mul(
            tf.batchNorm(x as tf.Tensor4D, row(2, 5), positive(), row(4, 5), row(5, 5)),
            maps(6),
          ),
        ),
      )(maps(1)),
    ]);
  });

  test('gradients of pools, side by side and overlapping, also where all values are negative', async () => {
    for (const [size, strides, pad] of [
      [2, 2, 'valid'],
      [3, 3, 'same'],
      [2, 1, 'same'],
      [3, 2, 'valid'],
    ] as const) {
      for (const pool of [tf.maxPool, tf.avgPool]) {
        const shape: Shape = [2, 6, 12, 3];
        const weigh = (x: tf.Tensor): tf.Scalar => {
          const y = pool(x as tf.Tensor4D, size, strides, pad);
          return tf.sum(tf.mul(y, tf.tensor(pseudoRandom(2, y.shape), y.shape)));
        };
        await expectSame(() => [
          tf.grad(weigh)(maps(1, shape)),
          tf.grad(weigh)(tf.sub(maps(1, shape), 9)),
        ]);
      }
    }
  });

  test('of equal largest values the first one gets the gradient', async () => {
    await startEngine({ engine: 'wasm', log: () => {} });
    const x = tf.tensor4d([0, 0, 1, 2, 0, 0, 3, 3, -1, -2, -7, -7, -1, -1, -7, -7], [1, 4, 4, 1]);
    const gradient = tf.grad((x) =>
      tf.sum(
        tf.mul(
          tf.maxPool(x as tf.Tensor4D, 2, 2, 'valid'),
          tf.tensor4d([5, 6, 7, 8], [1, 2, 2, 1]),
        ),
      ),
    )(x);
    expect([...gradient.dataSync()]).toEqual([5, 0, 0, 0, 0, 0, 6, 0, 7, 0, 8, 0, 0, 0, 0, 0]);
    tf.dispose([x, gradient]);
  });

  test('products of batches of matrices, large, small, turned and repeated', async () => {
    const cube = (seed: number, shape: [number, number, number]): tf.Tensor3D =>
      tf.tensor3d(pseudoRandom(seed, shape), shape);
    await expectSame(() => [
      tf.matMul(cube(1, [3, 33, 40]), cube(2, [3, 40, 35])),
      tf.matMul(cube(1, [3, 40, 33]), cube(2, [3, 35, 40]), true, true),
      tf.matMul(cube(1, [3, 4, 5]), cube(2, [3, 5, 6])),
      tf.matMul(cube(1, [3, 33, 40]), cube(2, [1, 40, 35])),
    ]);
  });

  test.each([
    ['ij,jk->ik', [3, 4], [4, 5]],
    ['bij,bjk->bik', [2, 3, 4], [2, 4, 5]],
    ['bij,bjk->kbi', [2, 3, 4], [2, 4, 5]],
    ['bi,bi->b', [3, 4], [3, 4]],
    ['ij,ij->', [3, 4], [3, 4]],
    ['i,j->ij', [3], [4]],
    ['bhwc,cd->bdhw', [2, 3, 2, 4], [4, 5]],
    ['abcd,cdb->da', [2, 3, 4, 5], [4, 5, 3]],
  ] as const)('einsum %s', async (equation, left, right) => {
    await expectSame(() => [
      tf.einsum(
        equation,
        tf.tensor(pseudoRandom(1, left), [...left]),
        tf.tensor(pseudoRandom(2, right), [...right]),
      ),
    ]);
  });

  test('einsum of one operand, and with an axis summed that only one of two has', async () => {
    await expectSame(() => [
      tf.einsum('ijk->kj', tf.tensor(pseudoRandom(1, [2, 3, 4]), [2, 3, 4])),
    ]);
    await startEngine({ engine: 'wasm', log: () => {} });
    const x = tf.tensor3d(pseudoRandom(1, [2, 3, 4]), [2, 3, 4]);
    const y = tf.tensor2d(pseudoRandom(2, [4, 5]), [4, 5]);
    const [got, wanted] = [tf.einsum('bij,jk->ki', x, y), tf.einsum('ij,jk->ki', tf.sum(x, 0), y)];
    expect(got.shape).toEqual([5, 3]);
    closeTo(got.dataSync(), wanted.dataSync(), 1e-5);
    tf.dispose([x, y, got, wanted]);
  });
});
