import { ensure } from '@kd/core';

/** Throws unless the number can be a seed. */
export function expectSeed(where: string, seed: number): void {
  ensure(Number.isSafeInteger(seed) && seed >= 0, where, 'seed to be a whole number from 0 to 2⁵³ − 1', seed);
}
