import { Writable } from 'node:stream';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createProgress } from '../../src/node/index.ts';

/** A stream that keeps what is written to it. */
class Kept extends Writable {
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

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test('without a terminal: a line each 5 seconds and the last', () => {
  const stream = new Kept(false);
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
  const stream = new Kept(false);
  const progress = createProgress(stream)('unpack', 3e6, 'B');
  vi.advanceTimersByTime(500);
  progress.update(3e6);
  progress.end();
  expect(stream.text).toBe('unpack  100 %  6.0 MB/s  in 1 s\n');
});

test('work that was broken off says how far it came', () => {
  const stream = new Kept(false);
  const progress = createProgress(stream)('epoch 1', 1_000, 'images');
  vi.advanceTimersByTime(2_000);
  progress.update(500);
  progress.end('interrupted');
  expect(stream.text).toBe('epoch 1  50 %  250 images/s  in 2 s  interrupted\n');
});

test('in a terminal: one line drawn again, not longer than the terminal, and no listener or timer left', () => {
  const stream = new Kept(true);
  const listeners = process.listenerCount('SIGINT');
  const progress = createProgress(stream)('epoch 1', 10_000, 'images');
  expect(process.listenerCount('SIGINT')).toBe(listeners);
  vi.advanceTimersByTime(1_000);
  progress.update(2_500, 'loss 1.23 and much more to say than there is room for');
  vi.advanceTimersByTime(1_000);
  progress.end('done');
  progress.end();
  expect(vi.getTimerCount()).toBe(0);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the terminal's own commands are taken
  // out.
  const drawn = stream.text
    .split(/\x1b(?:\[[0-9?]*[A-Za-z]|[78])|\r|\n/)
    .filter((part) => part !== '');
  expect(drawn[0]).toBe('epoch 1  ░░░░░░░░░░░░░░░░░░░░░░░░  0 %');
  expect(drawn).toContain('epoch 1  ██████░░░░░░░░░░░░░░░░░░  25 %  2,500 images/s  3 s left  lo');
  expect(drawn.at(-1)).toBe(
    'epoch 1  ██████░░░░░░░░░░░░░░░░░░  25 %  1,250 images/s  in 2 s  done',
  );
  expect(drawn.every((line) => line.length < 70)).toBe(true);
  expect(stream.text.endsWith('\n')).toBe(true);
  expect(stream.text).not.toContain('\x1b[?');
});

test('a terminal that does not know its width has 80 columns', () => {
  const stream = new Kept(true, 0);
  createProgress(stream)('a label of about thirty letters', 10, 'images').end(
    'a note of about thirty letters too',
  );
  expect(stream.text).toContain(
    'a label of about thirty letters  ░░░░░░░░░░░░░░░░░░░░░░░░  0 %  in 0 s  a note',
  );
});
