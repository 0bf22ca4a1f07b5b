import type { Schedule } from '../contracts.ts';
import { ensure } from '../errors.ts';
import { expectFinite, expectFraction } from './check.ts';
import { alongCosine, bounded, reached } from './progress.ts';

/**
 * A cosine that jumps back to `from` and starts again. PyTorch's CosineAnnealingWarmRestarts.
 * Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017, section
 * 3.
 * @param options.first Length of the first cosine, a fraction of the training: 6 / 20 is 6 epochs
 * of 20.
 * @param options.growth Each one is this many times as long as the one before, ≥ 1.
 */
export function cosineRestarts(options: {
  readonly from: number;
  readonly to?: number;
  readonly first: number;
  readonly growth?: number;
}): Schedule {
  const { from, to = 0, first, growth = 1 } = options;
  expectFinite('cosineRestarts', 'from', from);
  expectFinite('cosineRestarts', 'to', to);
  expectFraction('cosineRestarts', 'first', first);
  ensure(
    Number.isFinite(growth) && growth >= 1,
    'cosineRestarts',
    'growth ≥ 1',
    growth,
    '1 and 2 are usual',
  );
  return (progress) => {
    const now = bounded('cosineRestarts', progress);
    let start = 0;
    let length = first;
    while (reached(now, start + length)) {
      start += length;
      length *= growth;
    }
    return alongCosine(from, to, Math.max(now - start, 0) / length);
  };
}
