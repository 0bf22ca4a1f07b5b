import type { Schedule } from '../contracts.ts';
import { ensure, expectedError } from '../errors.ts';
import { expectFraction, expectPositive } from './check.ts';
import { along, alongCosine, bounded } from './progress.ts';

export interface OneCycleOptions {
  /** The highest value. */
  readonly peak: number;
  /** Fraction of the training in which it rises; below 0.5 with three phases. */
  readonly rise?: number;
  /** It starts at peak / startDivisor. */
  readonly startDivisor?: number;
  /** It ends at peak / startDivisor / endDivisor. */
  readonly endDivisor?: number;
  readonly shape?: 'cosine' | 'linear';
  /** 2: up, then down to the end. 3: up, down to the start in equal time, then down to the end. */
  readonly phases?: 2 | 3;
}

/**
 * Up from a low value to `peak`, then down to a much lower one.
 * Smith and Topin, "Super-convergence", 2017.
 *
 * PyTorch's OneCycleLR with total_steps n takes progress = step / (n − 1) and counts a step less in
 * its rise:
 * its pct_start p is `rise: (p * n − 1) / (n − 1)` here.
 */
export function oneCycle(options: OneCycleOptions): Schedule {
  const {
    peak,
    rise = 0.3,
    startDivisor = 25,
    endDivisor = 1e4,
    shape = 'cosine',
    phases = 2,
  } = options;
  expectPositive('oneCycle', 'peak', peak);
  expectFraction('oneCycle', 'rise', rise);
  expectPositive('oneCycle', 'startDivisor', startDivisor, '25 is usual');
  expectPositive('oneCycle', 'endDivisor', endDivisor, '1e4 is usual');
  ensure(phases === 2 || phases === 3, 'oneCycle', 'phases 2 or 3', phases);
  ensure(phases === 2 || rise < 0.5, 'oneCycle', 'rise below 0.5 with three phases', rise);
  const between = betweenOf(shape);
  const start = peak / startDivisor;
  const end = start / endDivisor;
  return (progress) => {
    const now = bounded('oneCycle', progress);
    if (now <= rise) return between(start, peak, now / rise);
    if (phases === 2) return between(peak, end, (now - rise) / (1 - rise));
    if (now <= 2 * rise) return between(peak, start, (now - rise) / rise);
    return between(start, end, (now - 2 * rise) / (1 - 2 * rise));
  };
}

function betweenOf(
  shape: 'cosine' | 'linear',
): (from: number, to: number, fraction: number) => number {
  switch (shape) {
    case 'cosine':
      return alongCosine;
    case 'linear':
      return along;
    default:
      throw expectedError('oneCycle', 'shape cosine or linear', shape satisfies never);
  }
}
