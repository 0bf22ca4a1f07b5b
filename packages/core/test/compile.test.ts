import { onEveryEngine } from '@kd/testing';
import { type CompiledFunction, compile, trackVariableVersions } from '../src/index.ts';
import type { CompilingBackend } from '../src/internal.ts';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, expect, test } from 'vitest';

class RecordingBackend extends tf.KernelBackend implements CompilingBackend {
  readonly compiled: unknown[] = [];

  compile<Arguments extends readonly tf.TensorContainer[], Result extends tf.TensorContainer>(
    run: (...args: Arguments) => Result,
  ): CompiledFunction<Arguments, Result> {
    this.compiled.push(run);
    return Object.assign((...args: Arguments) => run(...args), {
      callAsync: async (...args: Arguments) => run(...args),
    });
  }

  override dispose(): void {}
}

afterEach(async () => {
  await tf.setBackend('cpu');
});

test('without a compiling backend the function itself is called', async () => {
  await tf.setBackend('cpu');
  const compiled = compile((left: string, right: number): string => left.repeat(right));
  expect(compiled('ab', 2)).toBe('abab');
  expect(await compiled.callAsync('ab', 2)).toBe('abab');
});

test('a compiling backend compiles', async () => {
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

onEveryEngine(() => {
  test('trackVariableVersions sees assignments outside and inside of a compiled function', async () => {
    const [one, two, other] = [0, 1, 2].map((value) =>
      tf.tidy(() => tf.variable(tf.fill([3], value))),
    ) as [tf.Variable, tf.Variable, tf.Variable];
    const step = compile((by: tf.Scalar) =>
      tf.tidy(() => {
        two.assign(tf.add(two, by));
        return tf.sum(two);
      }),
    );
    const move = async () => {
      const by = tf.scalar(1);
      tf.dispose([await step.callAsync(by), by]);
    };
    // A step comes first: values go to the device when they are used.
    await move();
    one.dataSync();
    const moved = trackVariableVersions([one, two]);
    expect(moved()).toBe(false);
    tf.tidy(() => other.assign(tf.add(one, two)));
    expect(moved()).toBe(false);
    await move();
    expect(moved()).toBe(true);
    const again = trackVariableVersions([one, two]);
    expect(again()).toBe(false);
    tf.tidy(() => one.assign(tf.add(one, 0)));
    expect(again()).toBe(true);
    expect([...two.dataSync()]).toEqual([3, 3, 3]);
    tf.dispose([one, two, other]);
  });
});
