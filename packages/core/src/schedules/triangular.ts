import type { Schedule } from '../contracts.ts';
import { expectFinite, expectFraction } from './check.ts';
import { along, bounded } from './progress.ts';

/**
 * On a straight line from `from` to `peak`, and on another from there to `to`.
 * @param options.rise Fraction of the training in which it rises.
 */
export function triangular(options: {
  readonly from?: number;
  readonly peak: number;
  readonly rise: number;
  readonly to?: number;
}): Schedule {
  const { from = 0, peak, rise, to = 0 } = options;
  expectFinite('triangular', 'from', from);
  expectFinite('triangular', 'peak', peak);
  expectFraction('triangular', 'rise', rise);
  expectFinite('triangular', 'to', to);
  return (progress) => {
    const now = bounded('triangular', progress);
    return now <= rise ? along(from, peak, now / rise) : along(peak, to, (now - rise) / (1 - rise));
  };
}
