import type { EngineName } from '../src/index.ts';
import type { Options } from './commandLine.ts';
import { type Exclusion, exclusionOf } from './exclusions.ts';
import { type Reported, startJasmine } from './jasmine.ts';
import { loadSuite } from './suite.ts';

/** One test. */
export interface Outcome {
  /** Name without the environment: `diag bool`. */
  readonly name: string;
  /** Upstream's name: `diag test-tensorflow {} bool`. */
  readonly fullName: string;
  readonly status: 'passed' | 'failed' | 'excluded';
  /** The failure, or the reason of the exclusion. */
  readonly message?: string;
}

const byAuthor = 'switched off in the suite itself';

/**
 * Runs TensorFlow.js core's tests on the current engine. @returns Outcomes of the tests that match
 * the filter, in order.
 */
export async function runSuite(
  { engine, filter, excluded }: Options,
  exclusions: readonly Exclusion[],
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const jasmine = startJasmine();
  const isExcluded = (fullName: string): boolean =>
    exclusionOf(exclusions, withoutEnvironment(fullName, engine)) !== undefined;
  const isAskedFor = (fullName: string): boolean =>
    filter.test(fullName) && (!excluded || isExcluded(fullName));
  jasmine.configure({
    random: false,
    specFilter: (spec) =>
      isAskedFor(spec.getFullName()) && isExcluded(spec.getFullName()) === excluded,
  });
  const outside = (part: Reported): void => {
    if (part.failedExpectations.length > 0) outcomes.push(failed(part, engine));
  };
  jasmine.addReporter({
    specDone: (spec) => {
      if (isAskedFor(spec.fullName as string)) outcomes.push(outcomeOf(spec, engine, exclusions));
    },
    suiteDone: outside,
    jasmineDone: outside,
  });
  const suite = await loadSuite();
  await quietly(async () => {
    suite.setTestEnvs([
      {
        name: environmentOf(engine),
        backendName: engine,
        flags: {},
        isDataSync: engine !== 'webgpu',
      },
    ]);
    suite.loadTests();
    await jasmine.execute();
  });
  return outcomes;
}

function outcomeOf(spec: Reported, engine: EngineName, exclusions: readonly Exclusion[]): Outcome {
  const { status } = spec;
  if (status === 'failed') return failed(spec, engine);
  const names = namesOf(spec, engine);
  if (status === 'passed') return { ...names, status };
  const reason = status === 'pending' ? byAuthor : exclusionOf(exclusions, names.name)?.reason;
  return { ...names, status: 'excluded', message: reason as string };
}

function failed(part: Reported, engine: EngineName): Outcome {
  return {
    ...namesOf(part, engine),
    status: 'failed',
    message: part.failedExpectations.map(({ message }) => message).join('\n'),
  };
}

function namesOf(
  { fullName = 'the whole run' }: Reported,
  engine: EngineName,
): { name: string; fullName: string } {
  return { name: withoutEnvironment(fullName, engine), fullName };
}

function environmentOf(engine: EngineName): string {
  return `test-${engine}`;
}

function withoutEnvironment(fullName: string, engine: EngineName): string {
  return fullName.replace(` ${environmentOf(engine)} {}`, '');
}

/** Runs with `console` muted: the tests of profiling and of warnings print. */
async function quietly(run: () => Promise<void>): Promise<void> {
  const { log, warn } = console;
  Object.assign(console, { log: () => {}, warn: () => {} });
  try {
    await run();
  } finally {
    Object.assign(console, { log, warn });
  }
}
