import { compile } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, expect, vi } from 'vitest';
import { startEngine } from '../src/index.ts';
import type { NodeBackend } from '../src/node/tensorflow/binding/vendoredBackend.ts';

/** Reads a tensor and frees it. */
export function valuesOf(tensor: tf.Tensor): number[] {
  const values = Array.from(tensor.dataSync());
  tensor.dispose();
  return values;
}

/** What compiled functions must leave as it was. */
export function liveState(): { readonly tensors: number; readonly handles: number } {
  return {
    tensors: tf.memory().numTensors,
    handles: (tf.backend() as NodeBackend).binding.tensors.count,
  };
}

/**
 * Starts tensorflow; each test's own tensors and variables are freed after it, and nothing else may
 * be left.
 */
export function onTensorflow(): void {
  let before: ReturnType<typeof liveState>;
  beforeAll(() => startEngine({ engine: 'tensorflow', log: () => {} }));
  beforeEach(() => {
    tf.engine().startScope();
    before = liveState();
  });
  afterEach(() => {
    tf.engine().endScope();
    tf.dispose(Object.values(tf.engine().registeredVariables));
    expect(liveState()).toEqual(before);
  });
}

/** Compiles a function and counts how often it runs in JavaScript. */
export function counted<Arguments extends tf.TensorContainer[], Result extends tf.TensorContainer>(
  run: (...args: Arguments) => Result,
) {
  const spy = vi.fn(run);
  return {
    compiled: compile((...args: Arguments) => spy(...args)),
    runs: () => spy.mock.calls.length,
  };
}
