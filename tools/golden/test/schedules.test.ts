import { expect, test } from 'vitest';
import { ratesOf } from '../src/sections/schedules.ts';

test('a scheduler that we do not have is named', () => {
  expect(ratesOf('CyclicLR base_lr=0.1 max_lr=1', 0.1, 20)).toEqual({ missing: 'CyclicLR' });
  expect(ratesOf('StepLR step=6 gamma=0.1, then ExponentialLR gamma=.9', 0.1, 20)).toEqual({
    missing: 'StepLR before another',
  });
  expect(ratesOf('whatever this is', 0.1, 20)).toEqual({ missing: 'whatever this is' });
});

test('numbers are read as PyTorch users write them', () => {
  const rates = ratesOf('StepLR step_size=5 gamma=1e-1', 2, 10);
  if ('missing' in rates) throw new Error(rates.missing);
  expect([0, 4, 5, 10].map((at) => rates.schedule(at / rates.steps))).toEqual([
    2,
    2,
    expect.closeTo(0.2, 12),
    expect.closeTo(0.02, 12),
  ]);
});
