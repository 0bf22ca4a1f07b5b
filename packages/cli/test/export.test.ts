import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { decodeSafetensors, encodeSafetensors } from '@kd/files';
import type { ExportedFile, ExportRecord } from '@kd/report';
import { readExportRecord } from '@kd/report/node';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runCommandLine } from '../src/commands/runCommandLine.ts';

const root = mkdtempSync(path.join(tmpdir(), 'kd-export-'));
const run = path.join(root, 'run');
const directory = path.join(run, 'export');
const experiment = path.join(import.meta.dirname, 'fixtures/tinyExperiment.ts');
const weights = path.join(run, 'distilled-3/best.safetensors');

/** Runs a command line. @returns Its exit code and what it printed. */
async function kd(...args: string[]): Promise<{ code: number; output: string; errors: string }> {
  const printed = { output: '', errors: '' };
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed.output += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    // Progress goes there too.
    if (String(text).startsWith('kd')) printed.errors += String(text);
    return true;
  });
  try {
    return { code: await runCommandLine(args), ...printed };
  } finally {
    vi.restoreAllMocks();
  }
}

const exportRun = (...flags: string[]) => kd('export', run, '--engine', 'wasm', ...flags);
const names = (record: ExportRecord) => record.files.map(({ name }) => name);
const find = (record: ExportRecord, name: string) =>
  record.files.find((file) => file.name === name) as ExportedFile;

beforeAll(async () => {
  // No Python, so that the test is the same everywhere.
  vi.stubEnv('KD_PYTHON', path.join(root, 'no-python'));
  const { code, errors } = await kd('run', experiment, '--engine', 'wasm', '--out', run);
  expect([errors, code]).toEqual(['', 0]);
}, 60_000);
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true });
});

const layersDirectory = path.join(root, 'layers');

describe('the student of a run', () => {
  let record: ExportRecord;
  let output = '';
  beforeAll(async () => {
    const done = await exportRun('--to', 'onnx,tfjs,litert,safetensors', '--int8', '--float16');
    output = done.output;
    expect([done.errors, done.code, output]).toEqual(['', 0, expect.any(String)]);
    record = (await readExportRecord(directory)) as ExportRecord;
  }, 60_000);

  test('is written in every format, under its own names, and nothing else is left', () => {
    expect(names(record)).toEqual([
      'student.onnx',
      'student-float16.onnx',
      'student-int8-weights.onnx',
      'student-int8.onnx',
      'tfjs/',
      'tfjs-float16/',
      'tfjs-int8/',
      'student.tflite',
      'student-float16.tflite',
      'student-int8-weights.tflite',
      'student-int8.tflite',
      'student.safetensors',
    ]);
    const listed = record.files.flatMap(({ name, companions }) => [
      name.replace('/', ''),
      ...companions,
    ]);
    expect(readdirSync(directory).sort()).toEqual([...listed, 'export.html', 'export.json'].sort());
  });

  test('answers as the network does, on every runtime that is here', () => {
    const { checks } = find(record, 'student.onnx');
    expect(checks.map(({ runtime }) => runtime)).toEqual(['onnxruntime-node', 'onnxruntime-web']);
    for (const { name, checks: all, weights: kind } of record.files)
      for (const check of all) {
        expect([name, check.images]).toEqual([name, 12]);
        if (kind === 'float32') expect(check.largestChange).toBeLessThan(1e-3 * check.scale);
        expect(check.sameClass).toBeGreaterThanOrEqual(11 / 12);
        expect(check.latencyMilliseconds.batch32).toBeGreaterThan(0);
      }
    expect(find(record, 'tfjs/').checks[0]).toMatchObject({
      runtime: 'TensorFlow.js',
      settings: 'engine wasm',
    });
  });

  test('the accuracies are those of the run', () => {
    const { results } = JSON.parse(readFileSync(path.join(run, 'run.json'), 'utf8'));
    const [check] = find(record, 'student.onnx').checks;
    expect(check?.networkAccuracy).toBe(results['distilled-3'].test.top1);
    expect(check?.accuracy).toBe(results['distilled-3'].test.top1);
  });

  test('sizes are those of the files, and shrink with the numbers', () => {
    const { bytes, weightBytes } = find(record, 'student.onnx');
    expect(statSync(path.join(directory, 'student.onnx')).size).toBe(bytes);
    expect(bytes / weightBytes).toBeLessThan(1.05);
    expect(find(record, 'student-float16.onnx').bytes).toBeLessThan(0.6 * bytes);
    for (const name of ['student-int8-weights.onnx', 'student-int8.onnx', 'student-int8.tflite'])
      expect([name, find(record, name).bytes < 0.45 * bytes]).toEqual([name, true]);
  });

  test('runtimes that are not here are named with the reason', () => {
    expect(find(record, 'student.tflite').unchecked).toEqual([
      {
        runtime: 'LiteRT (Python)',
        reason: expect.stringContaining('expected a Python with ai-edge-litert, got'),
      },
    ]);
    expect(output).toContain('Not checked on LiteRT (Python): ');
  });

  test('layers in 8 bits are those of the file; calibration is on training images', () => {
    const { layers, calibration } = find(record, 'student-int8.onnx');
    expect(layers.map(({ kind }) => kind)).toContain('convolution');
    expect(layers.some(({ activations }) => activations === 'int8')).toBe(true);
    expect(calibration).toMatchObject({ images: 32, method: 'percentile', reduceRange: true });
    expect(find(record, 'student-int8.tflite').calibration?.reduceRange).toBe(false);
    expect(calibration?.source).toContain('stripes 1');
  });

  test('the page shows the table and how to run the files', () => {
    const page = readFileSync(path.join(directory, 'export.html'), 'utf8');
    expect(page).toContain('<h1>student-cnn (student distilled, seed 3) as 12 files of ');
    expect(page).toContain('Where they were run');
    expect(page).toContain('InferenceSession.create(&#39;student.onnx&#39;');
  });

  test('--layers writes a model that tfjs-layers loads', async () => {
    const { code, errors } = await exportRun('--to', 'tfjs', '--layers', '--out', layersDirectory);
    expect([code, errors]).toEqual([0, '']);
    const model = JSON.parse(
      readFileSync(path.join(layersDirectory, 'tfjs-layers', 'model.json'), 'utf8'),
    );
    expect(model.format).toBe('layers-model');
    const { checks } = find(
      (await readExportRecord(layersDirectory)) as ExportRecord,
      'tfjs-layers/',
    );
    expect(checks[0]?.sameClass).toBe(1);
    expect(readFileSync(path.join(layersDirectory, 'export.html'), 'utf8')).toContain(
      'loadLayersModel',
    );
  });

  test('files are not replaced, unless that is asked for', async () => {
    const before = statSync(path.join(directory, 'student.onnx')).mtimeMs;
    const refused = await exportRun('--to', 'onnx');
    expect([refused.code, refused.output]).toEqual([2, '']);
    expect(refused.errors).toMatch(
      /^kd export: expected files that are not there yet, got .*student\.onnx; --overwrite replaces them, --out names another directory\.\n$/,
    );
    const done = await exportRun('--overwrite', '--layout', 'nchw', '--probabilities');
    expect([done.errors, done.code]).toEqual(['', 0]);
    expect(statSync(path.join(directory, 'student.onnx')).mtimeMs).toBeGreaterThan(before);
    const now = (await readExportRecord(directory)) as ExportRecord;
    expect(names(now).sort()).toEqual(names(record).sort());
    expect(find(now, 'student.onnx')).toMatchObject({
      input: { layout: 'nchw' },
      output: { name: 'probabilities', answers: 'probabilities' },
    });
    expect(find(now, 'student.onnx').checks[0]?.scale).toBe(1);
    expect(find(now, 'student.tflite')).toEqual(find(record, 'student.tflite'));
  });
});

test('another network of the run, with its taps, without its preparation', async () => {
  const out = path.join(root, 'teacher');
  const done = await exportRun(
    ...['--student', 'teacher', '--out', out, '--taps', '--preparation', 'outside'],
  );
  expect([done.errors, done.code]).toEqual(['', 0]);
  const record = (await readExportRecord(out)) as ExportRecord;
  expect(record.network).toMatchObject({ title: 'teacher', architecture: 'student-cnn' });
  expect(find(record, 'teacher.onnx')).toMatchObject({ input: { preparation: 'outside' } });
  expect(find(record, 'teacher.onnx').output.taps.length).toBeGreaterThan(0);
});

test('a file of weights', async () => {
  const out = path.join(root, 'weights');
  const flags = ['--architecture', 'student-cnn', '--experiment', experiment, '--engine', 'wasm'];
  const done = await kd('export', weights, '--out', out, ...flags);
  expect([done.errors, done.code]).toEqual(['', 0]);
  const record = (await readExportRecord(out)) as ExportRecord;
  expect(names(record)).toEqual(['network.onnx']);
  expect(record.network.title).toBe('best.safetensors');
});

describe('bad input leaves nothing', () => {
  const out = path.join(root, 'nothing');

  test.each([
    [['--to', 'onnx,coreml'], '--to: expected one of onnx, tfjs, litert, safetensors, got coreml.'],
    [
      ['--to', 'safetensors', '--int8'],
      '--int8: expected --to onnx, tfjs or litert beside it, got nothing of the kind.',
    ],
    [
      ['--calibration', 'minMax'],
      '--calibration: expected --int8 and --to onnx or litert beside it, got nothing of the kind.',
    ],
    [
      ['--calibration', 'best', '--int8'],
      '--calibration: expected one of minMax, percentile, entropy, got best.',
    ],
    [
      ['--student', 'assistant'],
      '--student: expected one of distilled, alone, teacher, got assistant.',
    ],
    [['--seed', '4'], "--seed: expected one of the run's seeds 3, got 4."],
    [
      ['--student', 'teacher', '--seed', '3'],
      '--seed: expected nothing with --student teacher, of which there is one, got 3.',
    ],
    [
      ['--architecture', 'resnet8'],
      '--architecture: expected nothing beside a run, which has it, got resnet8; leave it out.',
    ],
  ])('%j', async (flags, message) => {
    const { code, errors } = await exportRun('--out', out, ...flags);
    expect([code, errors]).toEqual([2, `kd: ${message}\n`]);
    expect(existsSync(out)).toBe(false);
  });

  test('a directory that is a file, before anything is loaded', async () => {
    const file = path.join(root, 'file');
    writeFileSync(file, '');
    const { code, output, errors } = await exportRun('--out', path.join(file, 'export'));
    expect([code, output]).toEqual([2, '']);
    expect(errors).toBe(
      `kd: --out: expected a directory that can be written to, got ${file}: a file; choose another one.\n`,
    );
  });

  test('weights of another data set', async () => {
    const others = path.join(import.meta.dirname, 'fixtures/otherClasses.ts');
    const flags = ['--architecture', 'student-cnn', '--experiment', others, '--engine', 'wasm'];
    const { code, errors } = await kd('export', weights, '--out', out, ...flags);
    expect(code).toBe(1);
    expect(errors).toMatch(/^kd: loadWeights: expected .* fc\.kernel \[64, 4\] for \[64, 5\].*\n$/);
    expect(existsSync(out)).toBe(false);
  });

  test('weights that are no numbers are refused by name', async () => {
    const { tensors } = decodeSafetensors(new Uint8Array(readFileSync(weights)), 'weights');
    const broken = path.join(root, 'broken.safetensors');
    const [name, tensor] = Object.entries(tensors).find(([each]) => each.endsWith('kernel')) as [
      string,
      (typeof tensors)[string],
    ];
    const data = (tensor.data as Float32Array).slice().fill(Number.NaN, 0, 1);
    writeFileSync(broken, encodeSafetensors({ ...tensors, [name]: { ...tensor, data } as never }));
    const { code, errors } = await kd(
      ...['export', broken, '--architecture', 'student-cnn', '--experiment', experiment],
      ...['--engine', 'wasm', '--out', out],
    );
    expect(code).toBe(1);
    expect(errors).toMatch(/^kd: .*expected .*NaN.*\n$/);
    expect(existsSync(path.join(out, 'export.json'))).toBe(false);
    expect(existsSync(out) ? readdirSync(out) : []).toEqual([]);
  });
});
