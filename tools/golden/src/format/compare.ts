import type { GoldenFile } from './file.ts';

/**
 * Allowed error of a float32 computation against the float64 reference, relative to the reference's
 * norm.
 */
export interface Tolerance {
  readonly value: number;
  readonly gradient: number;
}

/** Allowed multiple of a reference's own float32 error, if that is more. */
const float32Multiple = 10;
/** A number below it counts as zero. */
const zero = 1e-6;

/**
 * Reads `conventions.tolerance`: `value 1e-5 relative, gradient 1e-4 of its norm; DKD, RKD 1e-4;
 * KDSVD 1e-2 for gradients`.
 * @param loss Of the entry: one that begins with a method named there has that method's tolerance.
 */
export function toleranceOf(file: GoldenFile, loss = ''): Tolerance {
  const [general = '', ...exceptions] = String(file.conventions?.tolerance ?? '').split(';');
  const usual = {
    value: number(/value (\S+) relative/.exec(general), 1e-5),
    gradient: number(/gradient (\S+) of its norm/.exec(general), 1e-4),
  };
  return exceptions.reduce<Tolerance>((tolerance, text) => {
    const [, names = '', relative, isGradient] =
      /^(.+?) (\d\S*)( for gradients)?$/.exec(text.trim()) ?? [];
    const isNamed = names.split(',').some((name) => name.trim() === /^\w+/.exec(loss)?.[0]);
    const own = isNamed ? Number(relative) : 0;
    return {
      value: Math.max(tolerance.value, isGradient ? 0 : own),
      gradient: Math.max(tolerance.gradient, own),
    };
  }, usual);
}

/** Widens the tolerance for an entry that states the reference's own error in float32. */
export function widened(
  tolerance: Tolerance,
  float32Error: { readonly value?: number; readonly gradient?: number } = {},
): Tolerance {
  return {
    value: Math.max(tolerance.value, float32Multiple * (float32Error.value ?? 0)),
    gradient: Math.max(tolerance.gradient, float32Multiple * (float32Error.gradient ?? 0)),
  };
}

/**
 * Returns nothing if ‖got − expected‖ ≤ relative · ‖expected‖ and both are finite; else the
 * difference with its worst element. `got` may be longer than `expected`, which often has the first
 * numbers only.
 */
export function difference(
  what: string,
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  relative: number,
): string[] {
  if (got.length < expected.length)
    return [`${what}: expected ${expected.length} numbers, got ${got.length}`];
  const unfit = Array.from(got).findIndex((value) => !Number.isFinite(value));
  if (unfit >= 0)
    return [
      `${what}${elementSuffix(unfit, got.length)}: expected a finite number, got ${got[unfit]}`,
    ];
  let [norm, error, worst, worstAt] = [0, 0, -1, 0];
  for (let at = 0; at < expected.length; at++) {
    const wanted = expected[at] as number;
    const off = Math.abs((got[at] as number) - wanted);
    norm = Math.hypot(norm, wanted);
    error = Math.hypot(error, off);
    if (off > worst) [worst, worstAt] = [off, at];
  }
  if (error <= Math.max(relative * norm, zero)) return [];
  const share =
    norm === 0 ? `${error.toExponential(1)}` : `${(error / norm).toExponential(1)} of the norm`;
  const numbers = `expected ${show(expected[worstAt] as number)}, got ${show(got[worstAt] as number)}`;
  return [
    `${what}${elementSuffix(worstAt, expected.length)}: ${numbers} (off by ${share}, allowed ${relative.toExponential(1)})`,
  ];
}

function elementSuffix(at: number, of: number): string {
  return of === 1 ? '' : `[${at}]`;
}

function show(value: number): string {
  return String(Number(value.toPrecision(9)));
}

function number(found: RegExpExecArray | null, fallback: number): number {
  const value = Number(found?.[1] ?? Number.NaN);
  return value > 0 ? value : fallback;
}
