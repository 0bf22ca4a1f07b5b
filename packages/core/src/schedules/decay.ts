import type { Schedule } from '../contracts.ts';
import { expectFinite, expectPositive } from './check.ts';
import { along, alongCosine, bounded } from './progress.ts';

/** On a straight line: from + (to − from) · progress. PyTorch's LinearLR over all steps. */
export function linear(options: { readonly from: number; readonly to: number }): Schedule {
  const { from, to } = options;
  expectFinite('linear', 'from', from);
  expectFinite('linear', 'to', to);
  return (progress) => along(from, to, bounded('linear', progress));
}

/**
 * On half a cosine: to + (from − to) · (1 + cos(π · progress)) / 2. PyTorch's CosineAnnealingLR.
 * Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017,
 * equation 5.
 */
export function cosine(options: { readonly from: number; readonly to?: number }): Schedule {
  const { from, to = 0 } = options;
  expectFinite('cosine', 'from', from);
  expectFinite('cosine', 'to', to);
  return (progress) => alongCosine(from, to, bounded('cosine', progress));
}

/**
 * By the same factor at every step: from · (to / from)^progress. PyTorch's ExponentialLR with gamma
 * = (to / from)^(1 / steps).
 */
export function exponential(options: { readonly from: number; readonly to: number }): Schedule {
  const { from, to } = options;
  expectPositive('exponential', 'from', from);
  expectPositive('exponential', 'to', to, 'cosine and polynomial come down to 0');
  return (progress) => from * (to / from) ** bounded('exponential', progress);
}

/** to + (from − to) · (1 − progress)^power. PyTorch's PolynomialLR. */
export function polynomial(options: {
  readonly from: number;
  readonly to?: number;
  readonly power: number;
}): Schedule {
  const { from, to = 0, power } = options;
  expectFinite('polynomial', 'from', from);
  expectFinite('polynomial', 'to', to);
  expectPositive('polynomial', 'power', power, '0.9 is usual');
  return (progress) => to + (from - to) * (1 - bounded('polynomial', progress)) ** power;
}
