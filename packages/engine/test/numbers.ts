import { normal } from '@kd/core';

/** Normal numbers, the same in every run. */
export function pseudoRandom(seed: number, shape: readonly number[]): Float32Array {
  const count = shape.reduce((product, side) => product * side, 1);
  return Float32Array.from({ length: count }, (_, at) => normal(seed, 0, at));
}

/**
 * Throws where a number is off by more than `relative` of the largest there is. (@kd/testing stands
 * above this package.)
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
