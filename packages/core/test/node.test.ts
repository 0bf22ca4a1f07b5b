import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  formatAmount,
  formatBytes,
  formatDuration,
  formatElapsed,
  formatInteger,
  formatPercent,
} from '../src/internal.ts';
import { importOptional } from '../src/node/importOptional.ts';
import { createProgress, sigintSignal } from '../src/node/index.ts';
import { type ProgressState, progressLine, rateMeter } from '../src/node/progress.ts';

/** A stream that records its text. */
class TextStream extends Writable {
  text = '';
  readonly isTTY: boolean;
  readonly columns: number;

  constructor(isTTY: boolean, columns = 70) {
    super();
    this.isTTY = isTTY;
    this.columns = columns;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

describe('createProgress', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  test('without a terminal: a line each 5 seconds and the last', () => {
    const stream = new TextStream(false);
    const progress = createProgress(stream)('epoch 1', 12_000, 'images');
    for (let second = 1; second <= 12; second++) {
      vi.advanceTimersByTime(1_000);
      progress.update(second * 1_000, `loss ${(3 / second).toFixed(2)}`);
    }
    progress.end('accuracy 0.41');
    progress.end('again');
    progress.update(1);
    expect(stream.text.split('\n')).toEqual([
      'epoch 1  41 %  1,000 images/s  7 s left  loss 0.60',
      'epoch 1  83 %  1,000 images/s  2 s left  loss 0.30',
      'epoch 1  100 %  1,000 images/s  in 12 s  accuracy 0.41',
      '',
    ]);
  });

  test('short work is one line', () => {
    const stream = new TextStream(false);
    const progress = createProgress(stream)('unpack', 3e6, 'B');
    vi.advanceTimersByTime(500);
    progress.update(3e6);
    progress.end();
    expect(stream.text).toBe('unpack  100 %  6.0 MB/s  in 1 s\n');
  });

  test('unfinished work ends with how far it got', () => {
    const stream = new TextStream(false);
    const progress = createProgress(stream)('epoch 1', 1_000, 'images');
    vi.advanceTimersByTime(2_000);
    progress.update(500);
    progress.end('interrupted');
    expect(stream.text).toBe('epoch 1  50 %  250 images/s  in 2 s  interrupted\n');
  });

  test('in a terminal: one line that is redrawn, not longer than the terminal; no listener or timer is left', () => {
    const stream = new TextStream(true);
    const listeners = process.listenerCount('SIGINT');
    const progress = createProgress(stream)('epoch 1', 10_000, 'images');
    expect(process.listenerCount('SIGINT')).toBe(listeners);
    vi.advanceTimersByTime(1_000);
    progress.update(2_500, 'loss 1.23 and more text than fits into the line');
    vi.advanceTimersByTime(1_000);
    progress.end('done');
    progress.end();
    expect(vi.getTimerCount()).toBe(0);
    const drawn = stream.text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the terminal's commands are removed.
      .split(/\x1b(?:\[[0-9?]*[A-Za-z]|[78])|\r|\n/)
      .filter((part) => part !== '');
    expect(drawn[0]).toBe('epoch 1  ░░░░░░░░░░░░░░░░░░░░░░░░  0 %');
    expect(drawn).toContain(
      'epoch 1  ██████░░░░░░░░░░░░░░░░░░  25 %  2,500 images/s  3 s left  lo',
    );
    expect(drawn.at(-1)).toBe(
      'epoch 1  ██████░░░░░░░░░░░░░░░░░░  25 %  1,250 images/s  in 2 s  done',
    );
    expect(drawn.every((line) => line.length < 70)).toBe(true);
    expect(stream.text.endsWith('\n')).toBe(true);
    expect(stream.text).not.toContain('\x1b[?');
  });

  test('a terminal without a width has 80 columns', () => {
    const stream = new TextStream(true, 0);
    createProgress(stream)('a label of about thirty letters', 10, 'images').end(
      'a message of about thirty letters',
    );
    expect(stream.text).toContain(
      'a label of about thirty letters  ░░░░░░░░░░░░░░░░░░░░░░░░  0 %  in 0 s  a mess',
    );
  });
});

const state: ProgressState = {
  label: 'epoch 3/20',
  done: 4_500,
  total: 10_000,
  unit: 'images',
  rate: 1_234.4,
  seconds: 3.6,
  ended: false,
  message: 'loss 1.23',
};

test.each<[string, Partial<ProgressState>, number]>([
  ['epoch 3/20  45 %  1,234 images/s  4 s left  loss 1.23', {}, 0],
  ['epoch 3/20  ████░░░░░░  45 %  1,234 images/s  4 s left  loss 1.23', {}, 10],
  ['epoch 3/20  0 %', { done: 0, rate: 0, message: '' }, 0],
  [
    'epoch 3/20  100 %  1,234 images/s  in 8 s  loss 1.23',
    { done: 10_000, ended: true, seconds: 8.1 },
    0,
  ],
  ['epoch 3/20  ██████████  100 %  1,234 images/s  0 s left  loss 1.23', { done: 12_000 }, 10],
  ['epoch 3/20  99 %  1,234 images/s  0 s left  loss 1.23', { done: 9_999 }, 0],
  [
    'fetch  45.0 MB  12.3 MB/s',
    { label: 'fetch', done: 45e6, total: 0, unit: 'B', rate: 12.34e6, message: '' },
    10,
  ],
  [
    'fetch  45.0 MB  12.3 MB/s',
    { label: 'fetch', done: 45e6, total: Number.NaN, unit: 'B', rate: 12.34e6, message: '' },
    10,
  ],
])('%s', (line, change, barLength) => {
  expect(progressLine({ ...state, ...change }, barLength)).toBe(line);
});

test('formatAmount', () => {
  expect([0, 7.25, 99.96, 1_234.5, 5e6].map((value) => formatAmount(value, 'images'))).toEqual([
    '0 images',
    '7.3 images',
    '100 images',
    '1,235 images',
    '5,000,000 images',
  ]);
  expect([0, 999, 1_500, 12.34e6, 5.678e9].map((value) => formatAmount(value, 'B'))).toEqual([
    '0 B',
    '999 B',
    '1.5 kB',
    '12.3 MB',
    '5.68 GB',
  ]);
});

test('formatDuration', () => {
  expect([0, 59.4, 59.6, 200, 3_599.7, 7_500].map(formatDuration)).toEqual([
    '0 s',
    '59 s',
    '1 min 0 s',
    '3 min 20 s',
    '1 h 0 min',
    '2 h 5 min',
  ]);
});

test('other formats', () => {
  expect([0, 0.7304, 1].map((value) => formatPercent(value))).toEqual([
    '0.0 %',
    '73.0 %',
    '100.0 %',
  ]);
  expect(formatPercent(0.73, 2)).toBe('73.00 %');
  expect(formatInteger(1_234.5)).toBe('1,235');
  expect(formatBytes(1_660_000, 2)).toBe('1.66 MB');
  expect([0, 59.94, 59.96, 245, 3_599.6, 7_810].map(formatElapsed)).toEqual([
    '0.0 s',
    '59.9 s',
    '1 min 00 s',
    '4 min 05 s',
    '1 h 00 min',
    '2 h 10 min',
  ]);
});

test('the rate is that of the last 20 seconds', () => {
  const meter = rateMeter();
  expect(meter.rate()).toBe(0);
  meter.add(0, 0);
  expect(meter.rate()).toBe(0);
  meter.add(1, 10);
  expect(meter.rate()).toBe(10);
  for (let second = 2; second <= 60; second += 0.25) meter.add(second, 10 + 100 * (second - 1));
  expect(meter.rate()).toBeCloseTo(100, 9);
});

test('importOptional names a missing package and its installation, and the reason if one does not load', async () => {
  const failing = (error: Error) =>
    importOptional('onnxTeacher', 'onnxruntime-node', () => Promise.reject(error));
  const missing = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
  await expect(failing(missing)).rejects.toThrow(
    'onnxTeacher: expected the package onnxruntime-node, got no such package; npm install onnxruntime-node.',
  );
  await expect(failing(new Error('libonnxruntime.so: no such file'))).rejects.toThrow(
    'got libonnxruntime.so: no such file;',
  );
  expect(await importOptional('here', 'node:path', () => import('node:path'))).toHaveProperty(
    'join',
  );
});

test('sigintSignal: the first Ctrl-C aborts, and dispose restores the default', () => {
  const before = process.listenerCount('SIGINT');
  const { signal, dispose } = sigintSignal();
  expect(process.listenerCount('SIGINT')).toBe(before + 1);
  expect(signal.aborted).toBe(false);
  process.emit('SIGINT');
  expect(signal.aborted).toBe(true);
  expect((signal.reason as Error).name).toBe('AbortError');
  dispose();
  dispose();
  expect(process.listenerCount('SIGINT')).toBe(before);
});

test.runIf(process.platform !== 'win32')(
  'the second Ctrl-C ends the process with code 130',
  async () => {
    const module = new URL('../src/node/sigintSignal.ts', import.meta.url).href;
    const script = `
    import { sigintSignal } from ${JSON.stringify(module)};
    const { signal } = sigintSignal();
    signal.addEventListener('abort', () => console.log('saving'));
    setTimeout(() => {}, 60_000);
    console.log('running');
  `;
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', script],
      {
        cwd: new URL('.', import.meta.url),
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const output: string[] = [];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output.push(text);
      child.kill('SIGINT');
    });
    const [code] = await once(child, 'close');
    expect(output.join('')).toBe('running\nsaving\n');
    expect(code).toBe(130);
  },
);
