import { compile } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { startEngine } from '../src/index.ts';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import type { NodeBackend } from '../src/node/tensorflow/binding/vendoredBackend.ts';
import { DeviceMemory } from '../src/node/tensorflow/tensors/deviceMemory.ts';

/** On the host, whose pool for oneDNN counts as a GPU's does. */
describe.skipIf('reason' in locateLibrary())('memory that a device has handed out', () => {
  const runtime = () => (tf.backend() as NodeBackend).binding.runtime;
  const megabytes = (bytes: number): number => Math.round(bytes / 2 ** 20);

  beforeAll(() => startEngine({ engine: 'tensorflow', log: () => {} }));

  test('grows with a tensor and shrinks when it is disposed of', () => {
    const memory = new DeviceMemory(runtime(), '/device:CPU:0');
    const before = memory.bytesInUse();
    const tensor = tf.tidy(() => tf.add(tf.zeros([2 ** 24]), 1));
    expect(megabytes(memory.bytesInUse() - before)).toBeGreaterThanOrEqual(64);
    expect(megabytes(memory.bytesInUse() - before)).toBeLessThan(128);
    tensor.dispose();
    expect(memory.bytesInUse()).toBe(before);
  });

  test('counts what a compiled step uses while it runs', async () => {
    const memory = new DeviceMemory(runtime(), '/device:CPU:0');
    const matrix = tf.tidy(() => tf.clone(tf.eye(1000))) as tf.Tensor2D;
    const step = compile((x: tf.Tensor) =>
      tf.tidy(() => {
        let product = x as tf.Tensor2D;
        for (let count = 0; count < 24; count++) product = tf.matMul(product, x as tf.Tensor2D);
        return tf.mean(product);
      }),
    );
    const before = memory.bytesInUse();
    const pending = step.callAsync(matrix);
    const most = { bytes: 0 };
    const timer = setInterval(() => {
      most.bytes = Math.max(most.bytes, memory.bytesInUse());
    }, 5);
    const result = await pending;
    clearInterval(timer);
    expect(most.bytes - before).toBeGreaterThanOrEqual(4e6);
    tf.dispose([result, matrix]);
  });

  test('a device that is not there is an error with TensorFlow’s message, and the next op runs', () => {
    expect(() => new DeviceMemory(runtime(), '/device:GPU:7').bytesInUse()).toThrow(
      /^tf\.memory: .*GPU:7/s,
    );
    expect(tf.tidy(() => tf.add(1, 2).arraySync())).toBe(3);
  });

  test('tf.memory names a GPU’s, where there is one', () => {
    expect('numBytesInGPU' in tf.memory()).toBe(
      (tf.backend() as NodeBackend).binding.isUsingGpuDevice(),
    );
  });
});
