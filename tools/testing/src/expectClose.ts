/**
 * Throws unless all numbers are close: |actual − expected| ≤ relative × the largest |expected| (1
 * where all are 0).
 * @param relative 1e-5 for float32 sums, 0 for equal to the last bit.
 */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  relative: number,
): void {
  if (actual.length !== expected.length)
    throw new Error(`expectClose: expected ${expected.length} numbers, got ${actual.length}.`);
  const tolerance = relative * largest(expected);
  for (let at = 0; at < expected.length; at++) {
    const got = actual[at] as number;
    const wanted = expected[at] as number;
    const close = Object.is(got, wanted) || got === wanted || Math.abs(got - wanted) <= tolerance;
    if (!close)
      throw new Error(
        `expectClose: expected ${wanted} at index ${at} of ${expected.length}, got ${got}; the tolerance is ${tolerance}.`,
      );
  }
}

function largest(values: ArrayLike<number>): number {
  let most = 0;
  for (let at = 0; at < values.length; at++) {
    const size = Math.abs(values[at] as number);
    if (Number.isFinite(size) && size > most) most = size;
  }
  return most === 0 ? 1 : most;
}
