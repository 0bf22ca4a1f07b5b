// @isolated: the memory of the process is measured
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { compile } from '@kd/core';
import { persistentTensor } from '@kd/core/internal';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { startEngine } from '../src/index.ts';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import type { NodeBackend } from '../src/node/tensorflow/binding/vendoredBackend.ts';
import { DeviceMemory } from '../src/node/tensorflow/tensors/deviceMemory.ts';
import { liveState } from './compiling.ts';
import { pseudoRandom } from './numbers.ts';

describe.skipIf('reason' in locateLibrary())('persistent tensors', () => {
  beforeAll(() => startEngine({ engine: 'tensorflow', log: () => {} }));

  test('their memory is returned when the tensor and all that share it are disposed, and there is no JavaScript copy', () => {
    const before = process.memoryUsage();
    const [sides, bytes] = [[4096, 4096], 2 ** 26];
    const made = persistentTensor(sides, (values) => values.fill(1));
    const shared = tf.reshape(made, [2 ** 24]);
    const during = process.memoryUsage();
    expect(during.rss - before.rss).toBeGreaterThan(0.9 * bytes);
    expect(during.rss - before.rss).toBeLessThan(1.2 * bytes);
    made.dispose();
    expect(process.memoryUsage().rss - before.rss).toBeGreaterThan(0.9 * bytes);
    shared.dispose();
    expect(process.memoryUsage().rss - before.rss).toBeLessThan(0.2 * bytes);
  });

  test('the same pages serve thousands of tensors', () => {
    const before = process.memoryUsage().rss;
    for (let round = 0; round < 2000; round++) {
      const made = persistentTensor([128, 256], (values) => {
        expect([values[0], values.length]).toEqual([0, 32_768]);
        values[0] = round;
      });
      expect(made.dataSync()[0]).toBe(round);
      made.dispose();
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 2 ** 20);
  });

  test('are an error if there is no memory', () => {
    const { tensors } = (tf.backend() as NodeBackend).binding;
    expect(() => tensors.createMapped([2 ** 58], 2 ** 60, () => {})).toThrow(
      `tensorflow: expected ${2 ** 60} bytes of memory for a tensor of shape [${2 ** 58}], got none; end other programs, or raise this process's limit (ulimit -v).`,
    );
  });
});

/** On the host, whose pool for oneDNN counts as a GPU's does. */
describe.skipIf('reason' in locateLibrary())('memory in use on a device', () => {
  const runtime = () => (tf.backend() as NodeBackend).binding.runtime;
  const megabytes = (bytes: number): number => Math.round(bytes / 2 ** 20);

  beforeAll(() => startEngine({ engine: 'tensorflow', log: () => {} }));

  test('grows with a tensor and shrinks when it is disposed', () => {
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

  test('a missing device is an error with TensorFlow’s message, and the next op runs', () => {
    expect(() => new DeviceMemory(runtime(), '/device:GPU:7').bytesInUse()).toThrow(
      /^tf\.memory: .*GPU:7/s,
    );
    expect(tf.tidy(() => tf.add(1, 2).arraySync())).toBe(3);
  });

  test('tf.memory has it on a GPU', () => {
    expect('numBytesInGPU' in tf.memory()).toBe(
      (tf.backend() as NodeBackend).binding.isUsingGpuDevice(),
    );
  });
});

/** Collects garbage now: `gc` is there once V8 has the flag. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

describe.skipIf('reason' in locateLibrary())('memory of compiled functions', () => {
  beforeAll(() => startEngine({ engine: 'tensorflow', log: () => {} }));

  /** Counts functions that the context is given and loses. */
  function countFunctions(): { added: number; removed: number } {
    const { api } = (tf.backend() as NodeBackend).binding.runtime;
    const counts = { added: 0, removed: 0 };
    const { TFE_ContextAddFunction: add, TFE_ContextRemoveFunction: remove } = api;
    api.TFE_ContextAddFunction = (...parameters) => {
      counts.added++;
      add(...parameters);
    };
    api.TFE_ContextRemoveFunction = (...parameters) => {
      counts.removed++;
      remove(...parameters);
    };
    return counts;
  }

  test('5000 steps leave no tensor, no handle and no memory behind', async () => {
    const collect = collector();
    const filter = tf.variable(tf.tensor4d(pseudoRandom(1, [3, 3, 3, 8]), [3, 3, 3, 8]));
    const x = tf.tensor4d(pseudoRandom(2, [4, 8, 8, 3]), [4, 8, 8, 3]);
    const optimizer = tf.train.adam(1e-4);
    const step = compile(
      (x: tf.Tensor4D) =>
        optimizer.minimize(
          () =>
            tf.sum(tf.square(tf.relu(tf.conv2d(x, filter as tf.Tensor4D, 1, 'same')))) as tf.Scalar,
          true,
          [filter],
        ) as tf.Scalar,
    );
    const run = async (steps: number): Promise<void> => {
      for (let count = 0; count < steps; count++)
        (count % 10 === 0 ? await step.callAsync(x) : step(x)).dispose();
      collect();
    };
    await run(1000);
    const before = { ...liveState(), rss: process.memoryUsage().rss };
    await run(5000);
    const { tensors, handles } = liveState();
    expect({ tensors, handles }).toEqual({ tensors: before.tensors, handles: before.handles });
    // The smallest leak of a tensor with data is 40 KB a step here (the activations), 200 MB in
    // all; a hundred bytes a step would be 0.5 MB.
    expect(process.memoryUsage().rss - before.rss).toBeLessThan(20e6);
    optimizer.dispose();
    tf.dispose([filter, x]);
  });

  test('tracing frees its graph, and released signatures their functions', () => {
    const counts = countFunctions();
    const compiled = compile((x: tf.Tensor) =>
      tf.tidy(() => tf.sum(tf.mul(x, tf.tensor1d(pseudoRandom(1, [x.size]))))),
    );
    const trace = (from: number, to: number): void => {
      for (let length = from; length < to; length++) {
        const x = tf.ones([40_000 + length]);
        compiled(x).dispose();
        x.dispose();
      }
    };
    trace(0, 130);
    // Memory grows to a size that it likes first, and so does JavaScript's own heap; both differ
    // between versions of Node.
    const collect = collector();
    const outside = (): number => {
      collect();
      return process.memoryUsage().rss - process.memoryUsage().heapTotal;
    };
    const [before, held] = [liveState(), outside()];
    trace(130, 330);
    expect(liveState()).toEqual(before);
    expect(counts).toEqual({ added: 330, removed: 322 });
    // Each trace has a constant of 160 KB in its graph and in its function: 200 of them would be 32
    // to 100 MB.
    expect(outside() - held).toBeLessThan(20e6);
  });

  test('collected functions are removed from the context', async () => {
    const counts = countFunctions();
    const collect = collector();
    const make = (): void => {
      for (let count = 0; count < 20; count++)
        tf.tidy(() => compile((x: tf.Tensor) => tf.mul(x, count))(tf.scalar(2)));
    };
    make();
    for (let tries = 0; tries < 50 && counts.removed < 15; tries++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(counts.added).toBe(20);
    expect(counts.removed).toBeGreaterThanOrEqual(15);
  });
});
