import type { Optimizer, OptimizerFactory } from '@kd/core';
import type { Weights } from './slots.ts';

/** Lets a factory say what it was made with. @param kind The name of the function that made it. */
export function withSettings(
  kind: string,
  options: Readonly<Record<string, number | boolean>>,
  make: (weights: Weights) => Optimizer,
): OptimizerFactory {
  return Object.assign(make, { settings: { kind, ...options } });
}
