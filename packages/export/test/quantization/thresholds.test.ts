import { expect, test } from 'vitest';
import { addToHistogram, type Histogram } from '../../src/quantization/histogram.ts';
import { entropyRange, percentileRange } from '../../src/quantization/thresholds.ts';

const rangeOf = (values: Float32Array) => ({
  min: values.reduce((least, value) => Math.min(least, value)),
  max: values.reduce((most, value) => Math.max(most, value)),
});

/** The histogram of batches, one after the other. */
function histogramOf(...batches: readonly Float32Array[]): Histogram {
  const add = (histogram: Histogram | undefined, values: Float32Array) =>
    addToHistogram(histogram, values, rangeOf(values));
  return batches.reduce<Histogram | undefined>(add, undefined) as Histogram;
}

/** Normally distributed values, at equal steps of their distribution. */
function normal(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, at) => {
    const angle = 2 * Math.PI * ((at * 0.754877666) % 1);
    return Math.sqrt(-2 * Math.log((at + 0.5) / count)) * Math.cos(angle);
  });
}

const small = Float32Array.from({ length: 1000 }, (_, at) => (at - 500) / 1000);
const large = Float32Array.from({ length: 1000 }, (_, at) => (at - 100) / 10);

test('bins are merged where a batch goes beyond them; the order of batches makes no difference', () => {
  const [one, other] = [histogramOf(small, large), histogramOf(large, small)];
  expect(one).toEqual(other);
  expect(one.counts.reduce((sum, count) => sum + count, 0)).toBe(2000);
  expect(one.width).toBe(2 ** -4);
  // From −10 to 89.9.
  expect(one.first).toBe(-160);
  const below = one.counts.subarray(0, 160).reduce((sum, count) => sum + count, 0);
  expect(below).toBe(500 + 100);
});

test('values of one size, or all zero, have a histogram', () => {
  expect(percentileRange(histogramOf(new Float32Array(10)), { min: 0, max: 0 }, 99)).toEqual({
    min: 0,
    max: 0,
  });
  const fives = new Float32Array(10).fill(5);
  expect(percentileRange(histogramOf(fives), { min: 5, max: 5 }, 99)).toEqual({ min: 5, max: 5 });
  expect(entropyRange(histogramOf(fives), { min: 5, max: 5 })).toEqual({ min: 5, max: 5 });
});

test('percentiles are those of the sorted values, within a bin', () => {
  const values = normal(100_000);
  const sorted = values.slice().sort();
  const histogram = histogramOf(values.slice(0, 50_000), values.slice(50_000));
  for (const [percentile, outside] of [
    [99.99, 5],
    [99, 500],
    [90, 5000],
  ] as const) {
    const { min, max } = percentileRange(histogram, rangeOf(values), percentile);
    expect(Math.abs(min - (sorted[outside] as number))).toBeLessThan(2 * histogram.width);
    expect(Math.abs(max - (sorted[100_000 - outside] as number))).toBeLessThan(2 * histogram.width);
  }
  expect(percentileRange(histogram, rangeOf(values), 100)).toEqual(rangeOf(values));
});

test('where zero is an end, it stays the end', () => {
  const values = normal(1000).map((value) => Math.max(value, 0));
  const [above, below] = [values, values.map((value) => -value)].map((set) =>
    percentileRange(histogramOf(set), rangeOf(set), 90),
  );
  expect(above?.min).toBe(0);
  expect(below?.max).toBeCloseTo(0, 12);
  expect(above?.max).toBeLessThan(2);
  expect(below?.min).toBeCloseTo(-(above?.max ?? 0), 2);
});

test('the least divergence keeps an even distribution whole, and cuts a long tail', () => {
  const even = Float32Array.from({ length: 100_000 }, (_, at) => at / 100_000);
  expect(entropyRange(histogramOf(even), rangeOf(even)).max).toBeGreaterThan(0.99);
  const tailed = Float32Array.from([...even, 8, 9, 10]);
  const { min, max } = entropyRange(histogramOf(tailed), rangeOf(tailed));
  expect(min).toBe(0);
  expect(max).toBeGreaterThan(0.99);
  expect(max).toBeLessThan(1.1);
});

test('the least divergence is that of the algorithm of pytorch-quantization', () => {
  // Golden: its `_compute_amax_entropy` with 8 bits, written in NumPy, over the same bins.
  for (const [power, threshold] of [
    [1, 4.0859375],
    [3, 31.375],
  ] as const) {
    const values = normal(100_000).map((value) => value ** power);
    const { min, max } = entropyRange(histogramOf(values), rangeOf(values));
    expect([min, max]).toEqual([-threshold, threshold]);
  }
});

test('zeros make no difference to the least divergence', () => {
  const values = normal(20_000).map((value) => Math.max(value, 0));
  const positive = values.filter((value) => value > 0);
  const [all, some] = [values, positive].map((set) =>
    entropyRange(histogramOf(set), rangeOf(values)),
  );
  expect(all?.max).toBeCloseTo(some?.max ?? 0, 1);
});
