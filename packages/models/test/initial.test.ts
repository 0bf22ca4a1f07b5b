import { normal, uniform } from '@kd/core';
import { expect, test } from 'vitest';
import { kaimingNormalFanOut, torchDefaultUniform } from '../src/index.ts';
import { firstValues } from './firstValues.ts';

const [fans, seed] = [{ fanIn: 12, fanOut: 50 }, 7];

test.each([1, 2, 5, 7])(
  '%i first values are those of the seeded numbers of @kd/core, to the last bit',
  (count) => {
    const values = (each: (at: number) => number) =>
      Float32Array.from({ length: count }, (_, at) => each(at));
    expect(firstValues(kaimingNormalFanOut, fans, seed, count)).toEqual(
      values((at) => Math.sqrt(2 / 50) * normal(seed, 0, at)),
    );
    expect(firstValues(torchDefaultUniform, fans, seed, count)).toEqual(
      values((at) => (2 * uniform(seed, 0, at) - 1) / Math.sqrt(12)),
    );
  },
);
