import { expect, test } from 'vitest';
import { reduceOnPlateau } from '../../src/index.ts';

/**
 * What torch.optim.lr_scheduler.ReduceLROnPlateau makes of these metrics: mode min, factor 0.5,
 * patience 2, threshold 1e-3.
 */
const metrics = [1, 0.9, 0.9, 0.9, 0.9, 0.85, 0.8501, 0.8499, 0.86, 0.87, 0.5, 0.6, 0.6, 0.6, 0.6];
const rates = [
  0.1, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.025, 0.025, 0.025, 0.025, 0.025, 0.0125,
  0.0125,
];

test('follows PyTorch, and upside down where higher is better', () => {
  const options = { factor: 0.5, patience: 2, threshold: 1e-3 };
  const [lower, higher] = [
    reduceOnPlateau(options),
    reduceOnPlateau({ ...options, better: 'higher' }),
  ];
  rates.forEach((rate, epoch) => {
    const seen = metrics.slice(0, epoch);
    expect(0.1 * lower(seen)).toBeCloseTo(rate, 12);
    expect(higher(seen.map((value) => 1 / value))).toBe(lower(seen));
  });
});

test.each([
  [{ factor: 1 }, 'reduceOnPlateau: expected 0 < factor < 1, got 1; 0.1 is usual.'],
  [
    { patience: -1 },
    'reduceOnPlateau: expected patience as a whole number ≥ 0, got -1; 10 is usual.',
  ],
  [{ threshold: Number.NaN }, 'reduceOnPlateau: expected threshold ≥ 0, got NaN; 1e-4 is usual.'],
])('%j is refused', (options, message) => {
  expect(() => reduceOnPlateau(options)).toThrow(new RangeError(message));
});
