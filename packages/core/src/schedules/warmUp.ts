import type { Schedule } from '../contracts.ts';
import { expectFinite, expectFraction } from './check.ts';
import { along, bounded, reached } from './progress.ts';

/**
 * Rises on a straight line from `from` to where `then` starts, and runs the whole of `then` in what is left of the training.
 * PyTorch's SequentialLR of LinearLR(start_factor = from / then(0), total_iters = over · steps) and another.
 * @param options.over Fraction of the training in which it rises.
 */
export function warmUp(options: { readonly from?: number; readonly over: number; readonly then: Schedule }): Schedule {
  const { from = 0, over, then } = options;
  expectFinite('warmUp', 'from', from);
  expectFraction('warmUp', 'over', over);
  return (progress) => {
    const now = bounded('warmUp', progress);
    if (reached(now, over)) return then(Math.max(now - over, 0) / (1 - over));
    return along(from, then(0), now / over);
  };
}
