import { expect, test } from 'vitest';
import { median, pairedRatio, repeatsFor } from '../src/statistics.ts';

test('the median is the middle value, or the mean of the two in the middle', () => {
  expect(median([3])).toBe(3);
  expect(median([5, 1, 3])).toBe(3);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(() => median([])).toThrow('median: expected one value or more, got none.');
});

test('a round that is slow for both does not move the paired ratio', () => {
  expect(pairedRatio([20, 200, 22], [10, 100, 10])).toEqual({ median: 2, least: 2, most: 2.2 });
  expect(() => pairedRatio([1], [1, 2])).toThrow(
    'pairedRatio: expected as many rounds of theirs as of ours, 2, got 1.',
  );
});

test('a turn has as many steps as fill it, at least one', () => {
  expect(repeatsFor(1.5, 250)).toBe(6);
  expect(repeatsFor(1.5, 9_000)).toBe(1);
});
