import type { Schedule } from '../contracts.ts';
import { ensure } from '../errors.ts';
import { expectFinite, expectFraction } from './check.ts';
import { along, bounded, reached } from './progress.ts';

/**
 * Rises on a straight line from `from` to where `into` starts, and runs the whole of `into` in what
 * is left of the training.
 * PyTorch's SequentialLR of LinearLR(start_factor = from / into(0), total_iters = over · steps) and
 * another.
 * @param options.over Fraction of the training in which it rises.
 */
export function linearWarmup(options: {
  readonly from?: number;
  readonly over: number;
  readonly into: Schedule;
}): Schedule {
  const { from = 0, over, into } = options;
  expectFinite('linearWarmup', 'from', from);
  expectFraction('linearWarmup', 'over', over);
  ensure(
    typeof into === 'function',
    'linearWarmup',
    'into, a schedule',
    into,
    'cosine({ from: 0.1 }) is one',
  );
  return (progress) => {
    const now = bounded('linearWarmup', progress);
    if (reached(now, over)) return into(Math.max(now - over, 0) / (1 - over));
    return along(from, into(0), now / over);
  };
}
