import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test, vi } from 'vitest';
import type { EngineProvider } from '../src/contracts.ts';
import { type EngineName, startEngine } from '../src/index.ts';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import { startEngineOn } from '../src/startEngine.ts';
import { runNode } from './child.ts';

const quiet = { log: () => {} };
const hasTensorflow = 'directory' in locateLibrary();

test('cpu and wasm start, and the last one started is current', async () => {
  expect(await startEngine({ engine: 'cpu', ...quiet })).toMatchObject({
    name: 'cpu',
    device: 'CPU',
    threads: 1,
    refused: [],
  });
  expect((await startEngine({ engine: 'wasm', ...quiet })).name).toBe('wasm');
  expect(tf.getBackend()).toBe('wasm');
  await startEngine({ engine: 'cpu', ...quiet });
  expect(tf.getBackend()).toBe('cpu');
});

test('an engine that is started again says nothing, and is what it was', async () => {
  const warn = vi.spyOn(console, 'warn');
  const kernel = async () => {
    await startEngine({ engine: 'wasm', ...quiet });
    return tf.getKernel('KdBatchNorm', 'wasm');
  };
  expect(await kernel()).toBe(await kernel());
  expect(warn).not.toHaveBeenCalled();
});

test.skipIf(!hasTensorflow)(
  'tensorflow asks for oneDNN before the library loads, and says so',
  async () => {
    const lines: string[] = [];
    await startEngine({ engine: 'tensorflow', log: (line) => lines.push(line) });
    expect(lines.join()).toMatch(/^engine: tensorflow \S+ \(.*oneDNN\)$/);
  },
);

test('starting leaves no tensor behind', async () => {
  const before = tf.memory().numTensors;
  await startEngine({ engine: 'wasm', ...quiet });
  await startEngine({ engine: 'cpu', ...quiet });
  expect(tf.memory().numTensors).toBe(before);
});

test('an unknown name stops at the door', async () => {
  await expect(startEngine({ engine: 'gpu' as EngineName, ...quiet })).rejects.toThrow(
    new RangeError('startEngine: expected one of tensorflow, webgpu, wasm, cpu, got gpu.'),
  );
});

describe('what was refused is said, and the engine before stays current', () => {
  const noGradients = { requestedEngine: () => undefined, registerGradients: async () => {} };
  const absent: EngineProvider = {
    name: 'tensorflow',
    open: async () => ({ reason: 'it is not here' }),
  };
  const broken: EngineProvider = {
    name: 'webgpu',
    async open() {
      throw new Error('no adapter');
    },
  };
  const cpu: EngineProvider = {
    name: 'cpu',
    open: async () => ({ version: '4', device: 'CPU', threads: 1, notes: ['JavaScript'] }),
  };

  test('in the engine, and in one line', async () => {
    await startEngine({ engine: 'cpu', ...quiet });
    const lines: string[] = [];
    const engine = await startEngineOn(
      { ...noGradients, providers: [absent, broken, cpu] },
      { prefer: ['tensorflow', 'webgpu', 'cpu'], log: (line) => lines.push(line) },
    );
    expect(engine.refused).toEqual([
      { name: 'tensorflow', reason: 'it is not here' },
      { name: 'webgpu', reason: 'no adapter' },
    ]);
    expect(lines).toEqual([
      'engine: cpu 4 (CPU, 1 thread, JavaScript); not tensorflow: it is not here; not webgpu: no adapter',
    ]);
  });

  test('in the error, where none starts', async () => {
    await expect(
      startEngineOn({ ...noGradients, providers: [absent, broken] }, quiet),
    ).rejects.toThrow(
      'startEngine: expected tensorflow or webgpu or wasm to start, got tensorflow: it is not here; webgpu: no adapter; wasm: it does not run on this platform; name another engine.',
    );
    expect(tf.getBackend()).toBe('cpu');
  });
});

describe('in a process of its own', () => {
  test('KD_ENGINE names the engine, and a wrong name is an error', () => {
    expect(
      JSON.parse(runNode('test/fixtures/start.ts', [], { KD_ENGINE: 'wasm' }).stdout),
    ).toMatchObject({ name: 'wasm' });
    expect(runNode('test/fixtures/start.ts', [], { KD_ENGINE: 'gpu' })).toMatchObject({
      status: 1,
      stdout: 'KD_ENGINE: expected one of tensorflow, webgpu, wasm, cpu, got gpu.',
    });
  });

  test('without libtensorflow wasm starts and says why, and tensorflow by name is an error that says what to do', () => {
    const nowhere = { KD_LIBTENSORFLOW: '/nowhere' };
    const { log } = JSON.parse(runNode('test/fixtures/start.ts', [], nowhere).stdout);
    expect(log[0]).toMatch(
      /^engine: wasm .*; not tensorflow: KD_LIBTENSORFLOW names it, but there is no directory \/nowhere; .*`npx kd-engine install`/,
    );
    const named = runNode('test/fixtures/start.ts', ['tensorflow'], nowhere);
    expect(named.status).toBe(1);
    expect(named.stdout).toMatch(
      /^startEngine: expected tensorflow to start, got tensorflow: KD_LIBTENSORFLOW names it, but there is no directory \/nowhere/,
    );
  });

  test.skipIf(!hasTensorflow)(
    'tensorflow prints nothing of its own and ends without a crash',
    () => {
      for (const _ of [1, 2, 3]) {
        const { status, signal, stdout, stderr } = runNode('test/fixtures/start.ts', [
          'tensorflow',
        ]);
        expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
        expect(JSON.parse(stdout)).toMatchObject({ name: 'tensorflow', refused: [] });
      }
    },
  );
});
