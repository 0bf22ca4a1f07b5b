import type { Schedule } from '../contracts.ts';
import { ensure } from '../errors.ts';
import { expectFinite, expectFraction, expectPositive } from './check.ts';
import { bounded, passed, reached } from './progress.ts';

/**
 * Multiplied by `factor` after every such part of the training. PyTorch's StepLR.
 * @param options.every A fraction of the training: 6 / 20 is every 6 epochs of 20.
 */
export function step(options: {
  readonly from: number;
  readonly every: number;
  readonly factor: number;
}): Schedule {
  const { from, every, factor } = options;
  expectFinite('step', 'from', from);
  expectFraction('step', 'every', every);
  expectPositive('step', 'factor', factor, '0.1 is usual');
  return (progress) => from * factor ** passed(bounded('step', progress), every);
}

/**
 * Multiplied by `factor` at each of these points. PyTorch's MultiStepLR.
 * @param options.at Fractions of the training, rising: [150 / 240, 180 / 240, 210 / 240].
 */
export function multiStep(options: {
  readonly from: number;
  readonly at: readonly number[];
  readonly factor: number;
}): Schedule {
  const { from, at, factor } = options;
  expectFinite('multiStep', 'from', from);
  const rising = at.every((point, index) => point > (at[index - 1] ?? 0) && point < 1);
  ensure(rising, 'multiStep', 'at, rising fractions of the training between 0 and 1', at);
  expectPositive('multiStep', 'factor', factor, '0.1 is usual');
  return (progress) => {
    const now = bounded('multiStep', progress);
    return from * factor ** at.filter((point) => reached(now, point)).length;
  };
}
