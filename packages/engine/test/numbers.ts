import { normal } from '@kd/core';

/** The longest array so far of each seed: shorter ones are its beginning. */
const drawn = new Map<number, Float32Array>();

/** Normal numbers, the same in every run. */
export function pseudoRandom(seed: number, shape: readonly number[]): Float32Array {
  const count = shape.reduce((product, side) => product * side, 1);
  const known = drawn.get(seed) ?? new Float32Array();
  if (known.length < count) {
    const longer = Float32Array.from(
      { length: count },
      (_, at) => known[at] ?? normal(seed, 0, at),
    );
    drawn.set(seed, longer);
  }
  return (drawn.get(seed) as Float32Array).slice(0, count);
}

/**
 * Throws if a number is off by more than `relative` of the largest. (@kd/testing stands above this
 * package.)
 */
export function closeTo(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  relative: number,
): void {
  if (actual.length !== expected.length)
    throw new Error(`closeTo: expected ${expected.length} numbers, got ${actual.length}`);
  const largest = Math.max(...Array.from(expected, Math.abs), 1e-30);
  for (let at = 0; at < expected.length; at++) {
    const [got, wanted] = [actual[at] as number, expected[at] as number];
    if (!(Math.abs(got - wanted) <= relative * largest))
      throw new Error(
        `closeTo: expected ${wanted} at ${at}, got ${got}; the largest is ${largest}`,
      );
  }
}
