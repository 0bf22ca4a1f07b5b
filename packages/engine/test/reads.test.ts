import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { startEngine } from '../src/index.ts';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import type { NodeBackend } from '../src/node/tensorflow/binding/vendoredBackend.ts';
import { dataType } from '../src/node/tensorflow/capi/types.ts';
import { TensorReader } from '../src/node/tensorflow/tensors/readTensor.ts';
import { Tensors } from '../src/node/tensorflow/tensors/tensors.ts';

/** So many that their values are read on another thread. */
const many = 500_000;

describe.skipIf('reason' in locateLibrary())('reading', () => {
  const binding = () => (tf.backend() as NodeBackend).binding;

  beforeAll(() => startEngine({ engine: 'tensorflow', log: () => {} }));

  test('few and many values, at once and later, are the same', async () => {
    for (const length of [0, 1, 1000, many]) {
      const tensor = tf.tidy(() => tf.add(tf.range(0, length), 0.5));
      const [now, later] = [tensor.dataSync(), await tensor.data()];
      expect(later).toBeInstanceOf(Float32Array);
      expect(later).toHaveLength(length);
      expect(later.every((value, at) => value === at + 0.5 && value === now[at])).toBe(true);
      tensor.dispose();
    }
  });

  test('what was read may be written into: the tensor does not change', async () => {
    const tensor = constant(many, 1);
    tensor.dataSync().fill(7);
    (await tensor.data()).fill(7);
    expect(tf.tidy(() => tf.max(tensor).dataSync()[0])).toBe(1);
    tensor.dispose();
  });

  test('a tensor may be disposed of while it is read', async () => {
    const tensors = Array.from({ length: 40 }, (_, at) => constant(many, at));
    const reading = tensors.map((tensor) => tensor.data());
    tf.dispose(tensors);
    const read = await Promise.all(reading);
    expect(read.map((values) => [values.length, values[0], values[many - 1]])).toEqual(
      tensors.map((_, at) => [many, at, at]),
    );
  });

  test('more reads at a time than there are threads', async () => {
    const tensor = constant(100_000, 3);
    const read = await Promise.all(Array.from({ length: 600 }, () => tensor.data()));
    expect(read.every((values) => values[99_999] === 3)).toBe(true);
    tensor.dispose();
  });

  test('a failed read is rejected with TensorFlow’s message and leaves nothing behind', async () => {
    const { api, context, memory } = binding().runtime;
    const reader = new TensorReader({ ...api, TFE_TensorHandleCopySharingTensor: () => 0 }, memory);
    await expect(reader.readAsync(0, dataType.float32)).rejects.toThrow(
      new Error('reading a tensor: Invalid handle'),
    );
    expect(() => new TensorReader(api, memory).read(0, dataType.float32, context.status)).toThrow(
      new Error('reading a tensor: Invalid handle'),
    );
    expect(tf.tidy(() => tf.add(1, 2).arraySync())).toBe(3);
  });

  test('the memory of a tensor that nobody else holds is lent, cannot be taken away, and is freed with the array', async () => {
    const { api, context, memory } = binding().runtime;
    const freed: number[] = [];
    const deleted = (tensor: number) => {
      freed.push(tensor);
      api.TF_DeleteTensor(tensor);
    };
    const tensors = new Tensors({ ...api, TF_DeleteTensor: deleted }, context, memory);
    await (async () => {
      const id = tensors.create([many], dataType.float32, new Float32Array(many).fill(2));
      freed.length = 0;
      const reading = tensors.readAsync(id);
      tensors.delete(id);
      const values = (await reading) as Float32Array<ArrayBuffer>;
      expect(freed).toEqual([]);
      expect([values.length, values[0], values[many - 1]]).toEqual([many, 2, 2]);
      expect(() => (values.buffer as ArrayBuffer & { transfer(): void }).transfer()).toThrow(
        /^transfer: expected memory of JavaScript/,
      );
    })();
    await collectGarbage();
    expect(freed).toHaveLength(1);
    expect(tensors.count).toBe(0);
  });

  test('the event loop turns while a large tensor is read', async () => {
    const tensor = constant(25_000_000, 1);
    const turns = { count: 0 };
    const timer = setInterval(() => turns.count++, 1);
    const values = await tensor.data();
    clearInterval(timer);
    expect(values[24_999_999]).toBe(1);
    expect(turns.count).toBeGreaterThan(0);
    tensor.dispose();
  });

  test('when everything is disposed of, no handle is left', async () => {
    tf.disposeVariables();
    const before = binding().getNumOfTensors();
    const tensors = Array.from({ length: 50 }, (_, at) => constant(10, at));
    await Promise.all(tensors.map((tensor) => tensor.data()));
    expect(binding().getNumOfTensors()).toBe(before + 50);
    tf.dispose(tensors);
    expect(binding().getNumOfTensors()).toBe(before);
    expect(tf.memory().numTensors).toBe(0);
    expect(before).toBe(0);
  });
});

/** Computed by TensorFlow: what was only written is still JavaScript's. */
function constant(length: number, value: number): tf.Tensor {
  return tf.tidy(() => tf.add(tf.zeros([length]), value));
}

/** Finalizers run some turns of the event loop after a collection. */
async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let turn = 0; turn < 5; turn++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
