import {
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
} from '@kd/core';
import { gradientReversalSchedule } from '@kd/losses';
import { difference } from '../format/compare.ts';
import type { GoldenFile, JsonObject } from '../format/file.ts';
import type { Recorder } from '../format/report.ts';
import { numberOf, numbersOf, textOf } from '../format/values.ts';

/** Both sides are float64. */
const relative = 1e-9;

/**
 * `schedules`: the learning rate at every step. A cosine is compared up to its end; PyTorch's
 * recursion continues after it.
 */
export async function runSchedules(file: GoldenFile, recorder: Recorder): Promise<void> {
  for (const entry of file.schedules ?? []) await runSchedule(entry, recorder);
}

async function runSchedule(entry: JsonObject, recorder: Recorder): Promise<void> {
  const id = textOf(entry, 'id');
  const expected = numbersOf(entry, 'learningRateAtStep');
  const reference =
    String(entry.reference ?? '')
      .split('.')
      .at(-1) ?? '';
  if (/Plateau/.test(reference))
    return recorder.check('schedules', id, () => plateauDifferences(entry, expected));
  const rates = ratesOf(
    textOf(entry, 'description'),
    numberOf(entry, 'baseLearningRate'),
    expected.length - 1,
  );
  if ('missing' in rates) return recorder.skip('schedules', rates.missing);
  await recorder.check('schedules', id, () => {
    const compared = expected.slice(0, (rates.last ?? expected.length) + 1);
    const got = compared.map((_, at) => rates.schedule(at / rates.steps));
    return difference('learning rate', got, compared, relative);
  });
}

/** Compares `mode min, factor 0.5, patience 2, threshold 1e-3 relative` for the listed metrics. */
function plateauDifferences(entry: JsonObject, expected: readonly number[]): string[] {
  const text = textOf(entry, 'description');
  const option = (name: string) => {
    const found = new RegExp(`\\b${name}[ =]([\\d.e+-]+)`).exec(text)?.[1];
    return found === undefined ? {} : { [name]: Number(found) };
  };
  const better = /\bmode[ =]max\b/.test(text) ? 'higher' : 'lower';
  const factorOf = reduceOnPlateau({
    ...option('factor'),
    ...option('patience'),
    ...option('threshold'),
    better,
  });
  const [base, metrics] = [numberOf(entry, 'baseLearningRate'), numbersOf(entry, 'metrics')];
  const got = expected.map((_, at) => base * factorOf(metrics.slice(0, at)));
  return difference('learning rate', got, expected, relative);
}

/** One of PyTorch's schedulers as a schedule of progress. */
export interface Rates {
  /** Number of steps from progress 0 to 1. */
  readonly steps: number;
  readonly schedule: Schedule;
  /** The last step to compare; PyTorch's recursion rises again after a cosine. */
  readonly last?: number;
}

/** Numbers and lists of a description such as `StepLR step=6 gamma=0.1`. */
type Options = Readonly<Record<string, number | readonly number[]>>;
type Maker = (options: Options, base: number, steps: number, text: string) => Rates;

/**
 * PyTorch's implemented schedulers. `steps` is the last step of the golden list, for schedulers
 * without a length of their own.
 */
const makers: Readonly<Record<string, Maker>> = {
  CosineAnnealingLR(options, base) {
    const steps = numberOf(options, 'T_max');
    return {
      steps,
      last: steps,
      schedule: cosine({ from: base, to: numberOf(options, 'eta_min', 0) }),
    };
  },
  CosineAnnealingWarmRestarts(options, base, steps) {
    const [first, growth] = [numberOf(options, 'T_0'), numberOf(options, 'T_mult', 1)];
    const span = Math.max(steps, first + 1);
    return {
      steps: span,
      schedule: cosineRestarts({
        from: base,
        to: numberOf(options, 'eta_min', 0),
        first: first / span,
        growth,
      }),
    };
  },
  StepLR(options, base, steps) {
    const every = numberOf(options, 'step_size' in options ? 'step_size' : 'step');
    const span = Math.max(steps, every + 1);
    return {
      steps: span,
      schedule: step({ from: base, every: every / span, factor: numberOf(options, 'gamma', 0.1) }),
    };
  },
  MultiStepLR(options, base, steps) {
    const milestones = options.milestones as readonly number[];
    const span = Math.max(steps, (milestones.at(-1) ?? 0) + 1);
    return {
      steps: span,
      schedule: multiStep({
        from: base,
        at: milestones.map((at) => at / span),
        factor: numberOf(options, 'gamma', 0.1),
      }),
    };
  },
  ExponentialLR: (options, base, steps) => ({
    steps,
    schedule: exponential({ from: base, to: base * numberOf(options, 'gamma') ** steps }),
  }),
  PolynomialLR: (options, base) => ({
    steps: numberOf(options, 'total_iters'),
    schedule: polynomial({ from: base, power: numberOf(options, 'power', 1) }),
  }),
  LinearLR: (options, base) => ({
    steps: numberOf(options, 'total_iters'),
    schedule: linear({
      from: base * numberOf(options, 'start_factor', 1 / 3),
      to: base * numberOf(options, 'end_factor', 1),
    }),
  }),
  OneCycleLR(options, base, _, text) {
    const total = numberOf(options, 'total_steps');
    return {
      steps: total - 1,
      schedule: oneCycle({
        peak: numberOf(options, 'max_lr', base),
        rise: (numberOf(options, 'pct_start', 0.3) * total - 1) / (total - 1),
        startDivisor: numberOf(options, 'div_factor' in options ? 'div_factor' : 'div', 25),
        endDivisor: numberOf(
          options,
          'final_div_factor' in options ? 'final_div_factor' : 'final_div',
          1e4,
        ),
        shape: /\blinear\b/.test(text) ? 'linear' : 'cosine',
        phases: /\bthree_phase\b/.test(text) ? 3 : 2,
      }),
    };
  },
};

/**
 * Returns the schedule of a description, or the name of a scheduler that is missing. `A, then B` is
 * a warm-up before B if A is LinearLR.
 */
export function ratesOf(
  description: string,
  base: number,
  steps: number,
): Rates | { readonly missing: string } {
  const [before, after] = description.split(/, then /);
  const name = /\b(\w+(?:LR|Restarts))\b/.exec(before ?? '')?.[1];
  const maker = name !== undefined && Object.hasOwn(makers, name) ? makers[name] : undefined;
  if (before === undefined || name === undefined || maker === undefined)
    return { missing: name ?? description };
  if (after === undefined) return maker(optionsOf(before), base, steps, before);
  if (name !== 'LinearLR') return { missing: `${name} before another` };

  const options = optionsOf(before);
  const over = numberOf(options, 'total_iters');
  const then = ratesOf(after, base, steps - over);
  if ('missing' in then) return then;
  return {
    steps: over + then.steps,
    schedule: linearWarmup({
      from: base * numberOf(options, 'start_factor', 1 / 3),
      over: over / (over + then.steps),
      into: then.schedule,
    }),
    ...(then.last !== undefined && { last: over + then.last }),
  };
}

function optionsOf(text: string): Options {
  const found = text.matchAll(/(\w+)=(\[[^\]]*\]|[-+.\de]+)/g);
  return Object.fromEntries(
    Array.from(found, ([, name, value]) => [name as string, parsed(value as string)]),
  );
}

function parsed(text: string): number | readonly number[] {
  return text.startsWith('[') ? text.slice(1, -1).split(',').map(Number) : Number(text);
}

/**
 * `ctkdLambda`: the factor of the gradient with respect to a learned temperature, epoch by epoch.
 */
export async function runCurriculum(
  { ctkdLambda: section }: GoldenFile,
  recorder: Recorder,
): Promise<void> {
  if (section === undefined) return;
  await recorder.check('ctkdLambda', 'CTKD', () => {
    const expected = numbersOf(section, 'valueAtEpoch');
    const loops = numberOf(section, 'loops', 10);
    const epochs = Math.max(expected.length, loops);
    const schedule = gradientReversalSchedule({
      over: loops / epochs,
      from: numberOf(section, 'max', 0),
      to: numberOf(section, 'min', -1),
    });
    const got = expected.map((_, epoch) => schedule(epoch / epochs));
    return difference('lambda', got, expected, 1e-9);
  });
}
