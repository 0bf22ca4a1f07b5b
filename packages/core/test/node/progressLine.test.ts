import { expect, test } from 'vitest';
import { amount, duration, type ProgressState, progressLine } from '../../src/node/progressLine.ts';
import { rateMeter } from '../../src/node/rateMeter.ts';

const state: ProgressState = {
  label: 'epoch 3/20',
  done: 4_500,
  total: 10_000,
  unit: 'images',
  rate: 1_234.4,
  seconds: 3.6,
  ended: false,
  note: 'loss 1.23',
};

test.each<[string, Partial<ProgressState>, number]>([
  ['epoch 3/20  45 %  1,234 images/s  4 s left  loss 1.23', {}, 0],
  ['epoch 3/20  ████░░░░░░  45 %  1,234 images/s  4 s left  loss 1.23', {}, 10],
  ['epoch 3/20  0 %', { done: 0, rate: 0, note: '' }, 0],
  [
    'epoch 3/20  100 %  1,234 images/s  in 8 s  loss 1.23',
    { done: 10_000, ended: true, seconds: 8.1 },
    0,
  ],
  ['epoch 3/20  ██████████  100 %  1,234 images/s  0 s left  loss 1.23', { done: 12_000 }, 10],
  ['epoch 3/20  99 %  1,234 images/s  0 s left  loss 1.23', { done: 9_999 }, 0],
  [
    'fetch  45.0 MB  12.3 MB/s',
    { label: 'fetch', done: 45e6, total: 0, unit: 'B', rate: 12.34e6, note: '' },
    10,
  ],
  [
    'fetch  45.0 MB  12.3 MB/s',
    { label: 'fetch', done: 45e6, total: Number.NaN, unit: 'B', rate: 12.34e6, note: '' },
    10,
  ],
])('%s', (line, change, barLength) => {
  expect(progressLine({ ...state, ...change }, barLength)).toBe(line);
});

test('amounts', () => {
  expect([0, 7.25, 99.96, 1_234.5, 5e6].map((value) => amount(value, 'images'))).toEqual([
    '0 images',
    '7.3 images',
    '100 images',
    '1,235 images',
    '5,000,000 images',
  ]);
  expect([0, 999, 1_500, 12.34e6, 5.678e9].map((value) => amount(value, 'B'))).toEqual([
    '0 B',
    '999 B',
    '1.5 kB',
    '12.3 MB',
    '5.68 GB',
  ]);
});

test('durations', () => {
  expect([0, 59.4, 59.6, 200, 3_599.7, 7_500].map(duration)).toEqual([
    '0 s',
    '59 s',
    '1 min 0 s',
    '3 min 20 s',
    '1 h 0 min',
    '2 h 5 min',
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
