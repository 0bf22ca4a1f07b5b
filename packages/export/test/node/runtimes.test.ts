import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Graph } from '@kd/core';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { openRuntimes } from '../../src/node/openRuntimes.ts';
import { openPython } from '../../src/node/runtimes/python.ts';
import { exportOnnx } from '../../src/onnx/exportOnnx.ts';

const root = mkdtempSync(path.join(tmpdir(), 'kd-runtimes-'));
afterAll(() => rmSync(root, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

/** Means of the channels, and their differences. */
const graph: Graph = {
  name: 'means',
  input: { name: 'images', shape: [2, 2, 2] },
  nodes: [
    {
      ...{ name: 'pool', inputs: ['images'], shape: [2] },
      ...{ kind: 'globalPool', function: 'average', keepsMaps: false },
    },
    {
      ...{ name: 'head', inputs: ['pool'], shape: [3], kind: 'dense', activation: 'linear' },
      kernel: { shape: [2, 3], values: Float32Array.of(1, 0, 1, 0, 1, -1) },
      bias: { shape: [3], values: Float32Array.of(0, 0, 0) },
    },
  ],
  logits: 'head',
  features: {},
};
const images = Float32Array.of(1, 5, 2, 6, 3, 7, 4, 8, 0, 1, 0, 1, 0, 1, 0, 1);
const expected = [2.5, 6.5, -4, 0, 1, -1];

describe('ONNX Runtime', () => {
  test.each(['nhwc', 'nchw'] as const)('in Node and as in a browser, %s', async (layout) => {
    const file = path.join(root, `${layout}.onnx`);
    writeFileSync(file, exportOnnx(graph, { inputLayout: layout }));
    const { runtimes, missing } = await openRuntimes('onnx');
    expect(missing).toEqual([]);
    expect(runtimes.map(({ name }) => name)).toEqual(['onnxruntime-node', 'onnxruntime-web']);
    for (const runtime of runtimes) {
      const model = await runtime.load(file, { imageShape: [2, 2, 2], layout, classes: 3 });
      const { values, milliseconds } = await model.run(images, 2);
      expect([...values]).toEqual(expected);
      expect(milliseconds).toBeGreaterThan(0);
      expect(model.loadMilliseconds).toBeGreaterThan(0);
      expect(runtime.version).toMatch(/^\d+\.\d+/);
      await model.close();
    }
  });

  test('what it refuses is an error with its own words', async () => {
    const file = path.join(root, 'half.onnx');
    writeFileSync(file, exportOnnx(graph).subarray(0, 90));
    const [runtime] = (await openRuntimes('onnx')).runtimes;
    const loading = runtime?.load(file, { imageShape: [2, 2, 2], layout: 'nhwc', classes: 3 });
    await expect(loading).rejects.toThrow(/protobuf/i);
  });
});

/** Writes a program that stands in for Python: `arguments` are its kind, file and shape. */
function fakePython(name: string, lines: readonly string[]): string {
  const file = path.join(root, name);
  const body = [
    `#!${process.execPath}`,
    'const [, , , , kind, file] = process.argv; const say = (line) => console.log(JSON.stringify(line));',
    ...lines,
  ];
  writeFileSync(file, body.join('\n'));
  chmodSync(file, 0o755);
  return file;
}

describe.skipIf(process.platform === 'win32')('a Python', () => {
  test('answers batches, and its own time counts', async () => {
    const python = fakePython('python', [
      "if (file === '') { say({ version: '2.3.0' }); process.exit(); }",
      'say({ milliseconds: 7 });',
      "let input = Buffer.alloc(0); process.stdin.on('data', (chunk) => {",
      '  input = Buffer.concat([input, chunk]);',
      '  const count = input.length < 4 ? 0 : input.readUInt32LE(0);',
      '  if (count === 0 || input.length < 4 + 32 * count) return;',
      '  const first = Float32Array.from({ length: count }, (_, row) => input.readFloatLE(4 + 32 * row));',
      '  input = input.subarray(4 + 32 * count);',
      '  const head = Buffer.alloc(12); head.writeDoubleLE(1.5, 0); head.writeUInt32LE(count, 8);',
      '  process.stdout.write(Buffer.concat([head, Buffer.from(first.buffer)]));',
      '});',
    ]);
    vi.stubEnv('KD_PYTHON', python);
    const runtime = await openPython('litert');
    expect(runtime).toMatchObject({ name: 'LiteRT (Python)', version: '2.3.0' });
    const model = await runtime.load('student.tflite', {
      ...{ imageShape: [2, 2, 2], layout: 'nhwc', classes: 1 },
    });
    expect(model.loadMilliseconds).toBe(7);
    const { values, milliseconds } = await model.run(images, 2);
    expect([[...values], milliseconds]).toEqual([[1, 0], 1.5]);
    expect([...(await model.run(images.subarray(8), 1)).values]).toEqual([0]);
    await model.close();
  });

  test('that lacks the package, refuses the file, ends or is not there says so', async () => {
    vi.stubEnv('KD_PYTHON', fakePython('bare', ['say({ missing: "No module named \'torch\'" });']));
    await expect(openPython('torch')).rejects.toThrow(
      /^kd export: expected a Python with torch, got .*bare: No module named 'torch'; KD_PYTHON names one that has it: pip install torch safetensors numpy\.$/,
    );
    const refusing = ["say(file === '' ? { version: '1' } : { refused: 'ValueError: no model' });"];
    vi.stubEnv('KD_PYTHON', fakePython('refusing', refusing));
    const shape = { imageShape: [2, 2, 2], layout: 'nhwc', classes: 1 } as const;
    const loading = (await openPython('litert')).load('student.tflite', shape);
    await expect(loading).rejects.toThrow('ValueError: no model');
    const ending = ["say({ version: '1', milliseconds: 1 }); console.error('MemoryError');"];
    vi.stubEnv('KD_PYTHON', fakePython('ending', ending));
    const model = await (await openPython('litert')).load('student.tflite', shape);
    await expect(model.run(images, 2)).rejects.toThrow('MemoryError');
    vi.stubEnv('KD_PYTHON', path.join(root, 'nowhere'));
    expect((await openRuntimes('litert')).missing).toEqual([
      { name: 'LiteRT (Python)', reason: expect.stringContaining('nowhere: spawn') },
    ]);
  });
});
