/** Values against PyTorch's schedulers: 21 steps, of which the last is progress 1. */

import { expectClose } from '@kd/testing';
import { expect, test } from 'vitest';
import {
  cosine,
  cosineRestarts,
  exponential,
  linearWarmup,
  multiStep,
  oneCycle,
  polynomial,
  type Schedule,
  step,
} from '../../src/index.ts';
import golden from '../fixtures/torchSchedules.json' with { type: 'json' };

/** PyTorch counts total_steps · pct_start − 1 steps of rise among total_steps − 1. */
const riseOf = (fraction: number): number => (fraction * 21 - 1) / 20;

interface Pair {
  readonly schedule: Schedule;
  /** Steps at which progress is 1. */
  readonly total: number;
}

const pairs: Readonly<Record<string, Pair>> = {
  cosine: { schedule: cosine({ from: 0.1 }), total: 20 },
  'cosine.min': { schedule: cosine({ from: 0.1, to: 0.001 }), total: 16 },
  step: { schedule: step({ from: 0.1, every: 6 / 20, factor: 0.1 }), total: 20 },
  multistep: {
    schedule: multiStep({ from: 0.1, at: [5 / 20, 12 / 20, 16 / 20], factor: 0.1 }),
    total: 20,
  },
  'onecycle.cos': { schedule: oneCycle({ peak: 0.1, rise: riseOf(0.3) }), total: 20 },
  'onecycle.linear': {
    schedule: oneCycle({
      peak: 0.1,
      rise: riseOf(0.4),
      startDivisor: 10,
      endDivisor: 100,
      shape: 'linear',
    }),
    total: 20,
  },
  'onecycle.three': { schedule: oneCycle({ peak: 0.1, rise: riseOf(0.3), phases: 3 }), total: 20 },
  'warmup.cosine': {
    schedule: linearWarmup({ from: 0.01, over: 5 / 21, into: cosine({ from: 0.1 }) }),
    total: 21,
  },
  exponential: { schedule: exponential({ from: 0.1, to: 0.1 * 0.9 ** 20 }), total: 20 },
  polynomial: { schedule: polynomial({ from: 0.1, power: 0.9 }), total: 19 },
  warmrestarts: {
    schedule: cosineRestarts({ from: 0.1, to: 0.001, first: 6 / 20, growth: 2 }),
    total: 20,
  },
};

test('the fixture has no schedule without a test', () => {
  expect(golden.schedules.map(({ id }) => id)).toEqual(Object.keys(pairs));
});

test.each(golden.schedules)('$id is $description', ({ id, values }) => {
  const { schedule, total } = pairs[id] as Pair;
  // PyTorch's cosine climbs again after T_max; here a training ends at 1.
  const wanted = id === 'cosine.min' ? values.slice(0, total + 1) : values;
  expectClose(
    wanted.map((_, at) => schedule(at / total)),
    wanted,
    1e-12,
  );
});

test.each([7, 20, 30, 90, 240, 391, 49_000])(
  'step changes at exactly the steps where StepLR does, of %i',
  (total) => {
    for (const size of [1, 2, 3, 5, 7].map((part) => Math.ceil(total / (part + 1)))) {
      const schedule = step({ from: 1, every: size / total, factor: 0.5 });
      for (let at = 0; at <= total; at += Math.max(1, Math.floor(total / 400)))
        expect(schedule(at / total)).toBe(0.5 ** Math.floor(at / size));
      for (let change = size; change <= total; change += size) {
        expect(schedule(change / total)).toBe(0.5 ** (change / size));
        expect(schedule((change - 1) / total)).toBe(0.5 ** (change / size - 1));
      }
    }
  },
);
