import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  type ExportCheck,
  type ExportedFile,
  type ExportRecord,
  formatExportRecord,
} from '../src/exportRecord.ts';
import { readExportRecord } from '../src/node/index.ts';
import { describeExport, formatMilliseconds, renderExportPage } from '../src/page/exportPage.ts';
import { pngDataUri } from '../src/page/png.ts';
import { parseExportRecord } from '../src/parseExportRecord.ts';

const png = await pngDataUri(new Uint8Array(4 * 4 * 3).fill(90), [4, 4, 3]);

const check: ExportCheck = {
  runtime: 'onnxruntime-node',
  version: '1.30.0',
  settings: 'CPU, 1 thread',
  images: 10_000,
  batches: [1, 2, 3, 32],
  largestChange: 2.4e-6,
  scale: 12.34,
  sameClass: 1,
  accuracy: 0.7074,
  networkAccuracy: 0.7074,
  loadMilliseconds: 3.21,
  latencyMilliseconds: { batch1: 0.0951, batch32: 12.3 },
};

const float32: ExportedFile = {
  name: 'student.onnx',
  companions: [],
  format: 'onnx',
  created: '2026-12-01T12:00:00.000Z',
  weights: 'float32',
  activations: 'float32',
  bytes: 99_100,
  weightBytes: 96_936,
  sha256: 'a'.repeat(64),
  input: { name: 'images', imageShape: [32, 32, 3], layout: 'nhwc', preparation: 'inside' },
  output: { name: 'logits', answers: 'logits', taps: [] },
  layers: [{ name: 'conv1', kind: 'convolution', weights: 'float32', activations: 'float32' }],
  checks: [check],
  unchecked: [{ runtime: 'onnxruntime-web', reason: 'no such <package>' }],
};

const int8: ExportedFile = {
  ...float32,
  name: 'student-int8.tflite',
  format: 'litert',
  weights: 'int8',
  activations: 'int8',
  bytes: 30_000,
  input: { ...float32.input, batch: 1 },
  calibration: { images: 512, source: 'CIFAR-10 train', method: 'minMax', reduceRange: false },
  layers: [
    { name: 'conv1', kind: 'convolution', weights: 'int8', activations: 'int8' },
    { name: 'head', kind: 'dense', weights: 'float32', activations: 'float32' },
  ],
  checks: [{ ...check, runtime: 'LiteRT (Python)', sameClass: 0.9876, accuracy: 0.7024 }],
  unchecked: [],
};

function sample(more: Partial<ExportRecord> = {}): ExportRecord {
  return {
    format: 1,
    network: {
      title: 'student distilled, seed 0',
      architecture: 'student-cnn',
      source: 'runs/<flowers>',
      fingerprint: 'b'.repeat(64),
      parameters: 24_346,
      classNames: ['cat', 'dog <b>'],
      imageShape: [32, 32, 3],
      preparation: 'normalize(mean 0.5, std 0.2)',
    },
    testImages: { name: 'CIFAR-10 test', fingerprint: 'c'.repeat(64) },
    engine: 'tensorflow 2.21.0',
    machine: 'some processor, 2 cores',
    files: [float32, int8],
    refused: [{ name: 'tfjs-int8/', reason: 'the same class for 80.00 % of 10000 images' }],
    changed: [
      {
        image: 17,
        label: 1,
        png,
        height: 4,
        width: 4,
        network: { label: 1, probability: 0.51 },
        files: { 'student-int8.tflite': { label: 0, probability: 0.52 } },
      },
    ],
    command: 'npx @kd/cli export runs/flowers',
    ...more,
  };
}

describe('the page of exported files', () => {
  const page = renderExportPage(sample());

  test('shows sizes, agreement and times of every file on every runtime', () => {
    expect(page).toContain(
      '<h1>student-cnn (student distilled, seed 0) as 2 files of 30.0 kB to 99.1 kB, checked on up to 10,000 test images.</h1>',
    );
    expect(page).toContain('2.4e-6<small>of 12.3</small>');
    expect(page).toContain('70.24 %<small>−0.50 points</small>');
    expect(page).toContain('<td>0.095 ms</td><td>12.3 ms</td>');
    expect(page).toContain('student-int8.tflite: 1 of 2 layers with weights');
    expect(page).toContain('tfjs-int8/ was not written: the same class for 80.00 %');
  });

  test('names the runtimes that are not here, and escapes what it is given', () => {
    expect(page).toContain(
      'Not checked on onnxruntime-web: no such &#60;package&#62; (student.onnx)',
    );
    expect(page).toContain('dog &#60;b&#62;');
    expect(page).not.toMatch(/<package>|<b>dog|runs\/<flowers>/);
  });

  test('shows the picture whose class changed, with both answers', () => {
    expect(page).toContain('<b class="right">dog &#60;b&#62; 51 %</b>');
    expect(page).toContain('student-int8.tflite <b class="wrong">cat 52 %</b>');
  });

  test('says how to run each format, with the settings that matter', () => {
    expect(page).toContain('allow_spinning: &#39;0&#39;');
    expect(page).toContain('onnxruntime-web/wasm');
    expect(page).toContain('[count, 32, 32, 3]');
    expect(page).toContain('@litertjs/core');
    expect(page).not.toContain('loadGraphModel');
  });

  test('loads nothing else', () => {
    expect(page).not.toMatch(/<(script|link)|src="(?!data:image\/png)/);
  });

  test('without a check, says that there was none', () => {
    const unchecked = sample({ files: [{ ...float32, checks: [] }], changed: [] });
    expect(describeExport(unchecked)).toBe(
      'student-cnn (student distilled, seed 0) as 1 file of 99.1 kB, none of them checked on a runtime here.',
    );
  });
});

test('times have three digits at most behind the point', () => {
  expect([0.0951, 1.234, 12.34, 123.4].map(formatMilliseconds)).toEqual([
    '0.095 ms',
    '1.23 ms',
    '12.3 ms',
    '123 ms',
  ]);
});

describe('export.json', () => {
  test('is read as it was written', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'kd-export-'));
    try {
      expect(await readExportRecord(directory)).toBeUndefined();
      writeFileSync(path.join(directory, 'export.json'), formatExportRecord(sample()));
      expect(await readExportRecord(directory)).toEqual(sample());
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test.each([
    ['{"format":2}', 'e.json: expected a record of exported files of format 1, got format 2'],
    [
      formatExportRecord(sample({ refused: [{ name: '../../x', reason: '' }] })),
      'e.json: refused[0].name: expected the name of a file or of a directory beside it, got ../../x.',
    ],
    [
      formatExportRecord(sample({ changed: [{ ...sample().changed[0], png: 'x' }] as never })),
      'e.json: changed[0].png: expected a PNG as data URI, got x.',
    ],
  ])('%# is refused by field', (json, message) => {
    expect(() => parseExportRecord(json, 'e.json')).toThrow(message);
  });
});
