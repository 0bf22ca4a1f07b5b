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
