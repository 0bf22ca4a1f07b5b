import { ensure } from '@kd/core';

/** Throws unless the number can be a seed. */
export function expectSeed(caller: string, seed: number): void {
  ensure(
    Number.isSafeInteger(seed) && seed >= 0,
    caller,
    'seed to be a whole number from 0 to 2⁵³ − 1',
    seed,
  );
}
