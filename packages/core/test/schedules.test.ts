import { expectClose } from '@kd/testing';
import { describe, expect, test } from 'vitest';
import {
  constant,
  cosine,
  cosineRestarts,
  exponential,
  linear,
  linearWarmup,
  multiStep,
  oneCycle,
  polynomial,
  reduceOnPlateau,
  type Schedule,
  step,
  toSchedule,
  triangular,
} from '../src/index.ts';
import golden from './fixtures/torchSchedules.json' with { type: 'json' };

describe('ends', () => {
  const rows: [string, Schedule, number, number][] = [
    ['linear', linear({ from: 2, to: 1 }), 2, 1],
    ['cosine', cosine({ from: 2, to: 1 }), 2, 1],
    ['exponential', exponential({ from: 2, to: 1 }), 2, 1],
    ['polynomial', polynomial({ from: 2, to: 1, power: 2 }), 2, 1],
    ['triangular', triangular({ from: 0.5, peak: 2, rise: 0.2, to: 1 }), 0.5, 1],
    ['linearWarmup', linearWarmup({ over: 0.2, into: linear({ from: 2, to: 1 }) }), 0, 1],
    ['oneCycle', oneCycle({ peak: 2, startDivisor: 4, endDivisor: 8 }), 0.5, 0.0625],
  ];
  test.each(rows)(
    '%s has its first and last value, and is constant beyond',
    (_, schedule, from, to) => {
      expect(schedule(0)).toBeCloseTo(from, 12);
      expect(schedule(1)).toBeCloseTo(to, 12);
      expect(schedule(-0.5)).toBe(schedule(0));
      expect(schedule(1.5)).toBe(schedule(1));
    },
  );
});

test('constant and toSchedule', () => {
  expect(constant(0.3)(0.7)).toBe(0.3);
  expect(toSchedule(4)(0.5)).toBe(4);
  const own: Schedule = (progress) => progress ** 2;
  expect(toSchedule(own)).toBe(own);
});

test('triangular has its corner at rise', () => {
  const schedule = triangular({ peak: 1, rise: 0.25 });
  expect([0, 0.125, 0.25, 0.625, 1].map(schedule)).toEqual([0, 0.5, 1, 0.5, 0]);
});

test('linearWarmup runs the whole of the schedule after it', () => {
  const schedule = linearWarmup({ from: 0.2, over: 0.5, into: linear({ from: 1, to: 0 }) });
  expect([0, 0.25, 0.5, 0.75, 1].map(schedule)).toEqual([0.2, expect.closeTo(0.6, 12), 1, 0.5, 0]);
});

test('cosineRestarts of equal length', () => {
  const schedule = cosineRestarts({ from: 1, first: 0.25 });
  for (const start of [0, 0.25, 0.5, 0.75])
    expect([start, start + 0.125].map(schedule)).toEqual([1, expect.closeTo(0.5, 12)]);
  expect(schedule(0.2499)).toBeCloseTo(0, 5);
});

const refusals: [string, () => unknown][] = [
  ['constant: expected value, a finite number, got NaN.', () => constant(Number.NaN)],
  [
    'linear: expected to, a finite number, got Infinity.',
    () => linear({ from: 1, to: Number.POSITIVE_INFINITY }),
  ],
  ['cosine: expected progress 0 … 1, got NaN.', () => cosine({ from: 1 })(Number.NaN)],
  [
    'exponential: expected to > 0, got 0; cosine and polynomial come down to 0.',
    () => exponential({ from: 1, to: 0 }),
  ],
  ['polynomial: expected power > 0, got 0; 0.9 is usual.', () => polynomial({ from: 1, power: 0 })],
  [
    'step: expected every between 0 and 1, a fraction of the training, got 30.',
    () => step({ from: 1, every: 30, factor: 0.1 }),
  ],
  [
    'step: expected factor > 0, got -1; 0.1 is usual.',
    () => step({ from: 1, every: 0.5, factor: -1 }),
  ],
  [
    'multiStep: expected at, rising fractions of the training between 0 and 1, got [0.5, 0.25].',
    () => multiStep({ from: 1, at: [0.5, 0.25], factor: 0.1 }),
  ],
  [
    'multiStep: expected at, rising fractions of the training between 0 and 1, got [150, 180].',
    () => multiStep({ from: 1, at: [150, 180], factor: 0.1 }),
  ],
  [
    'cosineRestarts: expected growth ≥ 1, got 0.5; 1 and 2 are usual.',
    () => cosineRestarts({ from: 1, first: 0.5, growth: 0.5 }),
  ],
  ['oneCycle: expected peak > 0, got 0.', () => oneCycle({ peak: 0 })],
  [
    'oneCycle: expected rise below 0.5 with three phases, got 0.5.',
    () => oneCycle({ peak: 1, rise: 0.5, phases: 3 }),
  ],
  ['oneCycle: expected phases 2 or 3, got 4.', () => oneCycle({ peak: 1, phases: 4 as 3 })],
  [
    'oneCycle: expected shape cosine or linear, got cubic.',
    () => oneCycle({ peak: 1, shape: 'cubic' as 'linear' }),
  ],
  [
    'triangular: expected rise between 0 and 1, a fraction of the training, got 1.',
    () => triangular({ peak: 1, rise: 1 }),
  ],
  [
    'linearWarmup: expected over between 0 and 1, a fraction of the training, got 5.',
    () => linearWarmup({ over: 5, into: constant(1) }),
  ],
  [
    'linearWarmup: expected into, a schedule, got 0.1; cosine({ from: 0.1 }) is one.',
    () => linearWarmup({ over: 0.1, into: 0.1 as unknown as Schedule }),
  ],
];

test.each(refusals)('%s', (message, run) => {
  expect(run).toThrow(new RangeError(message));
});

/** Values against PyTorch's schedulers: 21 steps, of which the last is progress 1. */

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

/**
 * What torch.optim.lr_scheduler.ReduceLROnPlateau makes of these metrics: mode min, factor 0.5,
 * patience 2, threshold 1e-3.
 */
const metrics = [1, 0.9, 0.9, 0.9, 0.9, 0.85, 0.8501, 0.8499, 0.86, 0.87, 0.5, 0.6, 0.6, 0.6, 0.6];
const rates = [
  0.1, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.025, 0.025, 0.025, 0.025, 0.025, 0.0125,
  0.0125,
];

test('reduceOnPlateau follows PyTorch, and its mirror image if higher is better', () => {
  const options = { factor: 0.5, patience: 2, threshold: 1e-3 };
  const [lower, higher] = [
    reduceOnPlateau(options),
    reduceOnPlateau({ ...options, better: 'higher' }),
  ];
  rates.forEach((rate, epoch) => {
    const seen = metrics.slice(0, epoch);
    expect(0.1 * lower(seen)).toBeCloseTo(rate, 12);
    expect(higher(seen.map((value) => 1 / value))).toBe(lower(seen));
  });
});

test.each([
  [{ factor: 1 }, 'reduceOnPlateau: expected 0 < factor < 1, got 1; 0.1 is usual.'],
  [
    { patience: -1 },
    'reduceOnPlateau: expected patience as a whole number ≥ 0, got -1; 10 is usual.',
  ],
  [{ threshold: Number.NaN }, 'reduceOnPlateau: expected threshold ≥ 0, got NaN; 1e-4 is usual.'],
])('%j is refused', (options, message) => {
  expect(() => reduceOnPlateau(options)).toThrow(new RangeError(message));
});
