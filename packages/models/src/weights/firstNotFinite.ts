/**
 * NaN or an infinity; undefined where there is none. A plain loop, since a hundred million numbers
 * pass it.
 */
export function firstNotFinite(values: Float32Array): number | undefined {
  for (let at = 0; at < values.length; at++) if (!Number.isFinite(values[at])) return values[at];
  return undefined;
}
