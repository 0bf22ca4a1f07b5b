import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { compile } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { startEngine } from '../src/index.ts';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import type { NodeBackend } from '../src/node/tensorflow/binding/vendoredBackend.ts';
import { liveState } from './compiling.ts';
import { pseudoRandom } from './numbers.ts';

/** Collects garbage now: `gc` is there once V8 has the flag. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

describe.skipIf('reason' in locateLibrary())('what compiled functions hold', () => {
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

  test('tracing frees its graph, and signatures that are pushed out their functions', () => {
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

  test('functions that nobody has any more are removed', async () => {
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
