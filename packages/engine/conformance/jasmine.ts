import { createRequire } from 'node:module';

/** The part of jasmine-core that is used. */
export interface Jasmine {
  configure(options: {
    random: boolean;
    specFilter(spec: { getFullName(): string }): boolean;
  }): void;
  addReporter(reporter: {
    specDone(spec: Reported): void;
    suiteDone(suite: Reported): void;
    jasmineDone(whole: Reported): void;
  }): void;
  execute(): Promise<unknown>;
}

/** A test, a group of tests, or the whole run, as jasmine reports it. */
export interface Reported {
  /** Absent for the whole run. */
  readonly fullName?: string;
  /** Status of a test. `excluded`: by our filter; `pending`: by the test's author (`xit`). */
  readonly status?: 'passed' | 'failed' | 'excluded' | 'pending';
  readonly failedExpectations: readonly { readonly message: string }[];
}

/** Puts jasmine's globals in place: `describe`, `it`, `expect` … */
export function startJasmine(): Jasmine {
  const { boot } = createRequire(import.meta.url)('jasmine-core') as {
    boot(): { getEnv(): Jasmine; DEFAULT_TIMEOUT_INTERVAL: number };
  };
  const jasmine = boot();
  jasmine.DEFAULT_TIMEOUT_INTERVAL = 120_000;
  return jasmine.getEnv();
}
