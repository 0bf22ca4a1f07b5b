import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { build } from 'esbuild';
import { describe, expect, test, vi } from 'vitest';
import type { EngineProvider } from '../src/contracts.ts';
import { type EngineName, startEngine } from '../src/index.ts';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import { expected, filterWeights, pixels, probeTraining } from '../src/probe.ts';
import { startEngineOn } from '../src/startEngine.ts';
import { runNode, sideBySide } from './child.ts';

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

test('an engine that is started again prints nothing and is unchanged', async () => {
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

describe('unavailable engines are reported, and the engine before stays current', () => {
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

describe('in a process of its own', sideBySide, () => {
  test('KD_ENGINE names the engine, and a wrong name is an error', async () => {
    const [wasm, wrong] = await Promise.all([
      runNode('test/fixtures/start.ts', [], { KD_ENGINE: 'wasm' }),
      runNode('test/fixtures/start.ts', [], { KD_ENGINE: 'gpu' }),
    ]);
    expect(JSON.parse(wasm.stdout)).toMatchObject({ name: 'wasm' });
    expect(wrong).toMatchObject({
      status: 1,
      stdout: 'KD_ENGINE: expected one of tensorflow, webgpu, wasm, cpu, got gpu.',
    });
  });

  test('without libtensorflow wasm starts and logs the reason, and tensorflow by name is an error with the remedy', async () => {
    const nowhere = { KD_LIBTENSORFLOW: '/nowhere' };
    const [wasm, named] = await Promise.all([
      runNode('test/fixtures/start.ts', [], nowhere),
      runNode('test/fixtures/start.ts', ['tensorflow'], nowhere),
    ]);
    const { log } = JSON.parse(wasm.stdout);
    expect(log[0]).toMatch(
      /^engine: wasm .*; not tensorflow: KD_LIBTENSORFLOW names it, but there is no directory \/nowhere; .*`npx kd-engine install`/,
    );
    expect(named.status).toBe(1);
    expect(named.stdout).toMatch(
      /^startEngine: expected tensorflow to start, got tensorflow: KD_LIBTENSORFLOW names it, but there is no directory \/nowhere/,
    );
  });

  test.skipIf(!hasTensorflow)(
    'tensorflow prints nothing of its own and ends without a crash',
    async () => {
      const ends = await Promise.all(
        [1, 2, 3].map(() => runNode('test/fixtures/start.ts', ['tensorflow'])),
      );
      for (const { status, signal, stdout, stderr } of ends) {
        expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
        expect(JSON.parse(stdout)).toMatchObject({ name: 'tensorflow', refused: [] });
      }
    },
  );
});

/** Σ conv(x, filter)² of the probe, in plain loops. */
function loss(x: readonly number[], filter: readonly number[]): number {
  let sum = 0;
  for (let row = 0; row < 4; row++) {
    for (let column = 0; column < 4; column++) {
      for (const output of [0, 1]) sum += convolved(x, filter, row, column, output) ** 2;
    }
  }
  return sum;
}

function convolved(
  x: readonly number[],
  filter: readonly number[],
  row: number,
  column: number,
  output: number,
): number {
  let y = 0;
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) {
      const [r, c] = [row + i - 1, column + j - 1];
      if (r >= 0 && r < 4 && c >= 0 && c < 4)
        y += (x[r * 4 + c] as number) * (filter[(i * 3 + j) * 2 + output] as number);
    }
  }
  return y;
}

/** Exact for a quadratic function but for rounding. */
function slopes(f: (values: readonly number[]) => number, at: readonly number[]): number[] {
  return at.map((_, index) => (f(moved(at, index, 1)) - f(moved(at, index, -1))) / 2);
}

function moved(values: readonly number[], index: number, by: number): number[] {
  return values.map((value, at) => (at === index ? value + by : value));
}

test('the numbers that the probe expects are those of a convolution', () => {
  expect(loss(pixels, filterWeights)).toBe(expected.loss);
  expect(slopes((x) => loss(x, filterWeights), pixels)).toEqual(expected.pixelGradient);
  expect(slopes((filter) => loss(pixels, filter), filterWeights)).toEqual(expected.filterGradient);
  const stepped = filterWeights.map(
    (value, at) => value - (expected.filterGradient[at] as number) / 1024,
  );
  expect(loss(pixels, stepped)).toBeCloseTo(expected.lossAfterStep, 3);
});

test('an engine that computes a gradient wrongly does not pass', async () => {
  await startEngine({ engine: 'cpu', log: () => {} });
  const right = tf.getKernel('Conv2DBackpropFilter', 'cpu') as tf.KernelConfig;
  const doubled: tf.KernelFunc = (call) =>
    tf.mul(tf.engine().makeTensorFromTensorInfo(right.kernelFunc(call) as tf.TensorInfo), 2);
  tf.unregisterKernel('Conv2DBackpropFilter', 'cpu');
  tf.registerKernel({ ...right, kernelFunc: (call) => tf.tidy(() => doubled(call) as tf.Tensor) });
  expect(await probeTraining()).toBe(
    'one training step computed filterGradient[1] as 124, which is 62',
  );
  tf.unregisterKernel('Conv2DBackpropFilter', 'cpu');
  tf.registerKernel(right);
  expect(await probeTraining()).toBeUndefined();
});

test('a browser’s bundle of @kd/engine has no Node in it, no koffi and no unzipper', async () => {
  const { metafile, outputFiles } = await build({
    stdin: {
      contents: `export { startEngine } from '@kd/engine';`,
      resolveDir: fileURLToPath(new URL('./', import.meta.url)),
    },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    conditions: ['@kd/source'],
    splitting: true,
    outdir: 'nowhere',
    minify: true,
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  const inputs = Object.keys(metafile.inputs);
  expect(inputs.filter((path) => /koffi|yauzl|engine\/src\/node|vendor/.test(path))).toEqual([]);
  expect(inputs.filter((path) => path.includes('engine/src/')).length).toBeGreaterThan(5);
  const imports = Object.values(metafile.outputs).flatMap((output) =>
    output.imports.filter(({ external }) => external === true).map(({ path }) => path),
  );
  expect(imports.filter((path) => path.startsWith('node:'))).toEqual([]);
  expect(outputFiles.length).toBeGreaterThan(0);
});
