import { ensure } from '@kd/core';

/**
 * The middle value, or the mean of the two in the middle. @throws RangeError where there is none.
 */
export function median(values: readonly number[]): number {
  ensure(values.length > 0, 'median', 'one value or more', 'none');
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] as number) + (sorted[Math.floor(middle)] as number)) / 2;
}

/** A quotient as it came out in several rounds. */
export interface Ratio {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/**
 * Theirs over ours, round by round: what makes a round slow for both does not count.
 * @param theirs Medians of the rounds, in ms. @param ours Of the turns beside them. @returns How
 * many times as fast ours is.
 */
export function pairedRatio(theirs: readonly number[], ours: readonly number[]): Ratio {
  ensure(
    theirs.length === ours.length,
    'pairedRatio',
    `as many rounds of theirs as of ours, ${ours.length}`,
    theirs.length,
  );
  const ratios = theirs.map((ms, round) => ms / (ours[round] as number));
  return { median: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) };
}

/** Steps that take about so long together; at least one. */
export function repeatsFor(seconds: number, stepMs: number): number {
  return Math.max(1, Math.round((1000 * seconds) / stepMs));
}
