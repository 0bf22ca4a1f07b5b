import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, expect, test } from 'vitest';
import { type CompiledFunction, type CompilingBackend, compile } from '../src/index.ts';

class RecordingBackend extends tf.KernelBackend implements CompilingBackend {
  readonly compiled: unknown[] = [];

  compile<Arguments extends readonly tf.TensorContainer[], Result extends tf.TensorContainer>(
    run: (...args: Arguments) => Result,
  ): CompiledFunction<Arguments, Result> {
    this.compiled.push(run);
    return Object.assign((...args: Arguments) => run(...args), {
      later: async (...args: Arguments) => run(...args),
    });
  }

  override dispose(): void {}
}

afterEach(async () => {
  await tf.setBackend('cpu');
});

test('the function as it is where the backend cannot compile', async () => {
  await tf.setBackend('cpu');
  const compiled = compile((left: string, right: number): string => left.repeat(right));
  expect(compiled('ab', 2)).toBe('abab');
  expect(await compiled.later('ab', 2)).toBe('abab');
});

test('what the backend makes of it where it can', async () => {
  const backend = new RecordingBackend();
  tf.registerBackend('recording', () => backend);
  await tf.setBackend('recording');
  const run = (left: string, right: number): string => left.repeat(right);
  const compiled = compile(run);
  expect(backend.compiled).toEqual([run]);
  expect(compiled).not.toBe(run);
  expect(compiled('ab', 2)).toBe('abab');
  await tf.setBackend('cpu');
  tf.removeBackend('recording');
});
