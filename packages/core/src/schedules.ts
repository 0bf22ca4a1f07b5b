/**
 * Schedules: pure functions of training progress, which is 0 at the first step and 1 at the end.
 * Points in time are fractions of the training: 6 / 20 is 6 epochs of 20.
 */
import type { Schedule } from './contracts.ts';
import { ensure, expectedError } from './errors.ts';

/**
 * Tolerance for boundaries that fractions such as 18/20 should hit; less than one step of any
 * training.
 */
const rounding = 1e-9;

/** Returns a constant schedule. PyTorch's ConstantLR with factor 1. */
export function constant(value: number): Schedule {
  assertFinite('constant', 'value', value);
  return () => value;
}

/** Converts a number to a constant schedule; a schedule is returned unchanged. */
export function toSchedule(value: number | Schedule): Schedule {
  return typeof value === 'number' ? constant(value) : value;
}

/** Returns a straight line: from + (to − from) · progress. PyTorch's LinearLR over all steps. */
export function linear(options: { readonly from: number; readonly to: number }): Schedule {
  const { from, to } = options;
  assertFinite('linear', 'from', from);
  assertFinite('linear', 'to', to);
  return (progress) => interpolateLinear(from, to, clampProgress('linear', progress));
}

/**
 * Returns half a cosine: to + (from − to) · (1 + cos(π · progress)) / 2. PyTorch's
 * CosineAnnealingLR.
 * Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017,
 * equation 5.
 */
export function cosine(options: { readonly from: number; readonly to?: number }): Schedule {
  const { from, to = 0 } = options;
  assertFinite('cosine', 'from', from);
  assertFinite('cosine', 'to', to);
  return (progress) => interpolateCosine(from, to, clampProgress('cosine', progress));
}

/**
 * Returns an exponential, with the same factor at every step: from · (to / from)^progress.
 * PyTorch's ExponentialLR with gamma
 * = (to / from)^(1 / steps).
 */
export function exponential(options: { readonly from: number; readonly to: number }): Schedule {
  const { from, to } = options;
  assertPositive('exponential', 'from', from);
  assertPositive('exponential', 'to', to, 'cosine and polynomial come down to 0');
  return (progress) => from * (to / from) ** clampProgress('exponential', progress);
}

/** Returns a polynomial: to + (from − to) · (1 − progress)^power. PyTorch's PolynomialLR. */
export function polynomial(options: {
  readonly from: number;
  readonly to?: number;
  readonly power: number;
}): Schedule {
  const { from, to = 0, power } = options;
  assertFinite('polynomial', 'from', from);
  assertFinite('polynomial', 'to', to);
  assertPositive('polynomial', 'power', power, '0.9 is usual');
  return (progress) => to + (from - to) * (1 - clampProgress('polynomial', progress)) ** power;
}

/**
 * Returns a step function that is multiplied by `factor` at regular intervals. PyTorch's StepLR.
 * @param options.every Interval, a fraction of the training: 6 / 20 is every 6 epochs of 20.
 */
export function step(options: {
  readonly from: number;
  readonly every: number;
  readonly factor: number;
}): Schedule {
  const { from, every, factor } = options;
  assertFinite('step', 'from', from);
  assertFraction('step', 'every', every);
  assertPositive('step', 'factor', factor, '0.1 is usual');
  return (progress) => from * factor ** countPassed(clampProgress('step', progress), every);
}

/**
 * Returns a step function that is multiplied by `factor` at the given points. PyTorch's
 * MultiStepLR.
 * @param options.at Fractions of the training, ascending: [150 / 240, 180 / 240, 210 / 240].
 */
export function multiStep(options: {
  readonly from: number;
  readonly at: readonly number[];
  readonly factor: number;
}): Schedule {
  const { from, at, factor } = options;
  assertFinite('multiStep', 'from', from);
  const rising = at.every((point, index) => point > (at[index - 1] ?? 0) && point < 1);
  ensure(rising, 'multiStep', 'at, rising fractions of the training between 0 and 1', at);
  assertPositive('multiStep', 'factor', factor, '0.1 is usual');
  return (progress) => {
    const now = clampProgress('multiStep', progress);
    return from * factor ** at.filter((point) => hasReached(now, point)).length;
  };
}

/**
 * Returns a cosine that jumps back to `from` and starts again (warm restarts). PyTorch's
 * CosineAnnealingWarmRestarts.
 *
 * Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017, section
 * 3.
 * @param options.first Length of the first cosine, a fraction of the training: 6 / 20 is 6 epochs
 * of 20.
 * @param options.growth Length of each cosine in lengths of the one before, ≥ 1.
 */
export function cosineRestarts(options: {
  readonly from: number;
  readonly to?: number;
  readonly first: number;
  readonly growth?: number;
}): Schedule {
  const { from, to = 0, first, growth = 1 } = options;
  assertFinite('cosineRestarts', 'from', from);
  assertFinite('cosineRestarts', 'to', to);
  assertFraction('cosineRestarts', 'first', first);
  ensure(
    Number.isFinite(growth) && growth >= 1,
    'cosineRestarts',
    'growth ≥ 1',
    growth,
    '1 and 2 are usual',
  );
  return (progress) => {
    const now = clampProgress('cosineRestarts', progress);
    let start = 0;
    let length = first;
    while (hasReached(now, start + length)) {
      start += length;
      length *= growth;
    }
    return interpolateCosine(from, to, Math.max(now - start, 0) / length);
  };
}

/** Options of `oneCycle`. */
export interface OneCycleOptions {
  /** Highest value. */
  readonly peak: number;
  /** Fraction of the training in which it rises; below 0.5 with three phases; 0.3. */
  readonly rise?: number;
  /** The first value is peak / startDivisor; 25. */
  readonly startDivisor?: number;
  /** The last value is peak / startDivisor / endDivisor; 1e4. */
  readonly endDivisor?: number;
  /** Shape of each phase; cosine. */
  readonly shape?: 'cosine' | 'linear';
  /**
   * 2: up, then down to the end. 3: up, down to the start in equal time, then down to the end. 2.
   */
  readonly phases?: 2 | 3;
}

/**
 * Returns the one-cycle policy: up from a low value to `peak`, then down to a much lower one.
 * Smith and Topin, "Super-convergence", 2017.
 *
 * PyTorch's OneCycleLR with total_steps n takes progress = step / (n − 1) and counts one step less
 * in its rise: its pct_start p is `rise: (p * n − 1) / (n − 1)` here.
 */
export function oneCycle(options: OneCycleOptions): Schedule {
  const {
    peak,
    rise = 0.3,
    startDivisor = 25,
    endDivisor = 1e4,
    shape = 'cosine',
    phases = 2,
  } = options;
  assertPositive('oneCycle', 'peak', peak);
  assertFraction('oneCycle', 'rise', rise);
  assertPositive('oneCycle', 'startDivisor', startDivisor, '25 is usual');
  assertPositive('oneCycle', 'endDivisor', endDivisor, '1e4 is usual');
  ensure(phases === 2 || phases === 3, 'oneCycle', 'phases 2 or 3', phases);
  ensure(phases === 2 || rise < 0.5, 'oneCycle', 'rise below 0.5 with three phases', rise);
  const interpolate = selectInterpolation(shape);
  const start = peak / startDivisor;
  const end = start / endDivisor;
  return (progress) => {
    const now = clampProgress('oneCycle', progress);
    if (now <= rise) return interpolate(start, peak, now / rise);
    if (phases === 2) return interpolate(peak, end, (now - rise) / (1 - rise));
    if (now <= 2 * rise) return interpolate(peak, start, (now - rise) / rise);
    return interpolate(start, end, (now - 2 * rise) / (1 - 2 * rise));
  };
}

function selectInterpolation(
  shape: 'cosine' | 'linear',
): (from: number, to: number, fraction: number) => number {
  switch (shape) {
    case 'cosine':
      return interpolateCosine;
    case 'linear':
      return interpolateLinear;
    default:
      throw expectedError('oneCycle', 'shape cosine or linear', shape satisfies never);
  }
}

/**
 * Returns a triangle: a straight line from `from` to `peak`, and another from there to `to`.
 * @param options.rise Fraction of the training in which it rises.
 */
export function triangular(options: {
  readonly from?: number;
  readonly peak: number;
  readonly rise: number;
  readonly to?: number;
}): Schedule {
  const { from = 0, peak, rise, to = 0 } = options;
  assertFinite('triangular', 'from', from);
  assertFinite('triangular', 'peak', peak);
  assertFraction('triangular', 'rise', rise);
  assertFinite('triangular', 'to', to);
  return (progress) => {
    const now = clampProgress('triangular', progress);
    return now <= rise
      ? interpolateLinear(from, peak, now / rise)
      : interpolateLinear(peak, to, (now - rise) / (1 - rise));
  };
}

/**
 * Returns a linear warmup: a straight line from `from` to the first value of `into`, then the whole
 * of `into` in the rest of the training.
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
  assertFinite('linearWarmup', 'from', from);
  assertFraction('linearWarmup', 'over', over);
  ensure(
    typeof into === 'function',
    'linearWarmup',
    'into, a schedule',
    into,
    'cosine({ from: 0.1 }) is one',
  );
  return (progress) => {
    const now = clampProgress('linearWarmup', progress);
    if (hasReached(now, over)) return into(Math.max(now - over, 0) / (1 - over));
    return interpolateLinear(from, into(0), now / over);
  };
}

/** Options of `reduceOnPlateau`. */
export interface PlateauOptions {
  /** Multiplies the learning rate at each reduction, 0 < factor < 1; 0.1. */
  readonly factor?: number;
  /**
   * Epochs in a row without improvement that are tolerated, a whole number ≥ 0; the next one
   * reduces; 10.
   */
  readonly patience?: number;
  /** Improvement that counts, as a fraction of the best value so far, ≥ 0; 1e-4. */
  readonly threshold?: number;
  /** Whether lower values are better (losses, the default) or higher ones (accuracies). */
  readonly better?: 'lower' | 'higher';
}

/**
 * Returns a function from the metric of all epochs so far to a factor for the learning rate. The
 * factor shrinks whenever the metric has stopped improving, as PyTorch's `ReduceLROnPlateau`
 * (relative threshold, no cooldown). It depends on the values alone, so that a resumed training
 * continues with the same factor:
 * `train({ …, learningRateFactor: (history) => factor(history.map(({ validation }) =>
 * validation.loss)) })`.
 * @returns Function of the values of all epochs, in order.
 * @throws RangeError on options out of range.
 */
export function reduceOnPlateau(
  options: PlateauOptions = {},
): (values: readonly number[]) => number {
  const { factor = 0.1, patience = 10, threshold = 1e-4, better = 'lower' } = options;
  ensure(factor > 0 && factor < 1, 'reduceOnPlateau', '0 < factor < 1', factor, '0.1 is usual');
  ensure(
    Number.isInteger(patience) && patience >= 0,
    'reduceOnPlateau',
    'patience as a whole number ≥ 0',
    patience,
    '10 is usual',
  );
  ensure(
    threshold >= 0 && Number.isFinite(threshold),
    'reduceOnPlateau',
    'threshold ≥ 0',
    threshold,
    '1e-4 is usual',
  );
  const isBetter = selectComparison(better, threshold);
  return (values) => {
    let [product, bad, best] = [
      1,
      0,
      better === 'lower' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY,
    ];
    for (const value of values) {
      if (isBetter(value, best)) [best, bad] = [value, 0];
      else bad += 1;
      if (bad > patience) [product, bad] = [product * factor, 0];
    }
    return product;
  };
}

function selectComparison(
  better: 'lower' | 'higher',
  threshold: number,
): (value: number, best: number) => boolean {
  switch (better) {
    case 'lower':
      return (value, best) => value < best * (1 - threshold);
    case 'higher':
      return (value, best) => value > best * (1 + threshold);
    default:
      return better satisfies never;
  }
}

/** Clamps progress to 0 … 1. @throws RangeError on NaN. */
function clampProgress(caller: string, progress: number): number {
  if (Number.isNaN(progress)) throw expectedError(caller, 'progress 0 … 1', progress);
  return Math.min(Math.max(progress, 0), 1);
}

/** Counts the whole spans of this length that have passed. */
function countPassed(progress: number, span: number): number {
  return Math.floor(progress / span + rounding);
}

/** Whether progress has reached this boundary. */
function hasReached(progress: number, boundary: number): boolean {
  return progress >= boundary - rounding;
}

/** Interpolates linearly from `from` at 0 to `to` at 1. */
function interpolateLinear(from: number, to: number, fraction: number): number {
  return from + (to - from) * fraction;
}

/** Interpolates along half a cosine from `from` at 0 to `to` at 1. */
function interpolateCosine(from: number, to: number, fraction: number): number {
  return to + ((from - to) * (1 + Math.cos(Math.PI * fraction))) / 2;
}

function assertFinite(caller: string, name: string, value: number): void {
  ensure(Number.isFinite(value), caller, `${name}, a finite number`, value);
}

/** @param remedy End of the message: `0.1 is usual`. */
function assertPositive(caller: string, name: string, value: number, remedy?: string): void {
  ensure(Number.isFinite(value) && value > 0, caller, `${name} > 0`, value, remedy);
}

/** Throws unless the value is a fraction of the training, neither none nor all of it. */
function assertFraction(caller: string, name: string, value: number): void {
  ensure(
    value > 0 && value < 1,
    caller,
    `${name} between 0 and 1, a fraction of the training`,
    value,
  );
}
