import { expectedError } from '../errors.ts';

/**
 * Guards a boundary that fractions such as 18/20 should hit: 1e-9 of a training is less than a step
 * of any.
 */
const rounding = 1e-9;

/** Progress kept within 0 … 1; NaN throws. */
export function bounded(caller: string, progress: number): number {
  if (Number.isNaN(progress)) throw expectedError(caller, 'progress 0 … 1', progress);
  return Math.min(Math.max(progress, 0), 1);
}

/** Whole spans of this length that have passed. */
export function passed(progress: number, span: number): number {
  return Math.floor(progress / span + rounding);
}

/** Whether progress has come to this boundary. */
export function reached(progress: number, boundary: number): boolean {
  return progress >= boundary - rounding;
}

/** On the straight line from `from` at 0 to `to` at 1. */
export function along(from: number, to: number, fraction: number): number {
  return from + (to - from) * fraction;
}

/** On the half cosine from `from` at 0 to `to` at 1. */
export function alongCosine(from: number, to: number, fraction: number): number {
  return to + ((from - to) * (1 + Math.cos(Math.PI * fraction))) / 2;
}
