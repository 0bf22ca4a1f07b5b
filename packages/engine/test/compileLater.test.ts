import { compile } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startEngine } from '../src/index.ts';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import type { NodeBackend } from '../src/node/tensorflow/binding/vendoredBackend.ts';

describe.skipIf('reason' in locateLibrary())('a compiled call off the event loop', () => {
  const binding = () => (tf.backend() as NodeBackend).binding;
  let before: { tensors: number; handles: number };
  const state = (): typeof before => ({
    tensors: tf.memory().numTensors,
    handles: binding().tensors.count,
  });
  const valuesOf = (tensor: tf.Tensor): number[] => {
    const values = Array.from(tensor.dataSync());
    tensor.dispose();
    return values;
  };

  beforeAll(() => startEngine({ engine: 'tensorflow', log: () => {} }));
  beforeEach(() => {
    before = state();
  });
  afterEach(() => {
    tf.disposeVariables();
    expect(state()).toEqual(before);
  });

  /** Some hundred milliseconds of products of matrices. */
  const slow = (x: tf.Tensor): tf.Tensor =>
    tf.tidy(() => {
      let product = x as tf.Tensor2D;
      for (let count = 0; count < 24; count++) product = tf.matMul(product, x as tf.Tensor2D);
      return tf.mean(product);
    });
  const identity = (size: number): tf.Tensor2D => tf.tidy(() => tf.clone(tf.eye(size)));

  test('results and variables are as with a call that is waited for', async () => {
    const total = tf.tidy(() => tf.variable(tf.scalar(0)));
    const compiled = compile((x: tf.Tensor) =>
      tf.tidy(() => {
        total.assign(tf.add(total, x) as tf.Scalar);
        return { square: tf.square(x), x, total: total as tf.Tensor };
      }),
    );
    const x = tf.scalar(3);
    for (const wanted of [3, 6, 9]) {
      const result = (await compiled.callAsync(x)) as {
        square: tf.Tensor;
        x: tf.Tensor;
        total: tf.Tensor;
      };
      expect(Object.values(result).map(valuesOf)).toEqual([[9], [3], [wanted]]);
      expect(total.dataSync()[0]).toBe(wanted);
    }
    x.dispose();
  });

  test('the event loop turns all the while, which it cannot during a call that is waited for', async () => {
    const compiled = compile(slow);
    const x = identity(1000);
    compiled(x).dispose();
    const ticksDuring = async (call: () => tf.Tensor | Promise<tf.Tensor>): Promise<number> => {
      const ticks = { count: 0 };
      const timer = setInterval(() => ticks.count++, 1);
      expect(valuesOf(await call())[0]).toBeCloseTo(1 / 1000, 7);
      clearInterval(timer);
      return ticks.count;
    };
    expect(await ticksDuring(() => compiled(x))).toBeLessThanOrEqual(1);
    expect(await ticksDuring(() => compiled.callAsync(x))).toBeGreaterThan(5);
    x.dispose();
  });

  test('arguments may be disposed of meanwhile, also one that is a result', async () => {
    const compiled = compile((x: tf.Tensor) => [slow(x), x] as tf.Tensor[]);
    for (let count = 0; count < 5; count++) {
      const x = identity(200);
      const pending = compiled.callAsync(x);
      x.dispose();
      const [mean, same] = await pending;
      expect(valuesOf(mean as tf.Tensor)[0]).toBeCloseTo(1 / 200, 7);
      expect(valuesOf(same as tf.Tensor).reduce((sum, value) => sum + value)).toBe(200);
    }
  });

  test('several at once, of the same function and of others', async () => {
    const [one, two] = [
      compile((x: tf.Tensor) => tf.tidy(() => tf.add(slow(x), 1))),
      compile((x: tf.Tensor) => tf.tidy(() => tf.add(slow(x), 2))),
    ];
    const x = identity(128);
    const results = await Promise.all([
      one.callAsync(x),
      one.callAsync(x),
      two.callAsync(x),
      two.callAsync(x),
      one.callAsync(x),
      two.callAsync(x),
    ]);
    expect(results.map((result) => Math.round((valuesOf(result)[0] as number) * 128))).toEqual([
      129, 129, 257, 257, 129, 257,
    ]);
    x.dispose();
  });

  test('a variable that the call changes and somebody else assigns meanwhile: an error, and their value stays', async () => {
    const weight = tf.tidy(() => tf.variable(tf.scalar(1), true, 'weight'));
    const compiled = compile((x: tf.Tensor) =>
      tf.tidy(() => {
        weight.assign(tf.add(weight, slow(x)) as tf.Scalar);
      }),
    );
    const x = identity(128);
    const pending = compiled.callAsync(x);
    tf.tidy(() => weight.assign(tf.scalar(5)));
    await expect(pending).rejects.toThrow(
      'compile: expected variables that stay as they are until a call has ended, got weight assigned meanwhile; await it before the next.',
    );
    expect(weight.dataSync()[0]).toBe(5);
    const both = await Promise.allSettled([compiled.callAsync(x), compiled.callAsync(x)]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(weight.dataSync()[0]).toBeCloseTo(5 + 1 / 128, 6);
    x.dispose();
  });

  test('errors of tracing and of TensorFlow are rejections, and the next call works', async () => {
    const table = tf.tensor1d([1, 2, 3]);
    const compiled = compile((at: tf.Tensor) => tf.gather(table, at as tf.Tensor1D));
    const [good, bad] = [tf.tensor1d([2], 'int32'), tf.tensor1d([9], 'int32')];
    await expect(compiled.callAsync(bad)).rejects.toThrow(
      /^compile: .*indices\[0\] = 9 is not in \[0, 3\)/,
    );
    expect(valuesOf(await compiled.callAsync(good))).toEqual([3]);
    await expect(
      compile((x: tf.Tensor) => tf.scalar(x.dataSync()[0] as number)).callAsync(good),
    ).rejects.toThrow('compile: expected a function that reads no values');
    tf.dispose([table, good, bad]);
  });

  test('one whose program is pushed out of the cache ends first', async () => {
    const compiled = compile((x: tf.Tensor) => slow(x));
    const x = identity(256);
    const pending = compiled.callAsync(x);
    for (let size = 1; size <= 9; size++) {
      const other = identity(size);
      compiled(other).dispose();
      other.dispose();
    }
    expect(valuesOf(await pending)[0]).toBeCloseTo(1 / 256, 7);
    x.dispose();
  });
});
