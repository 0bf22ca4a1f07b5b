import { type Outcome, runTool } from './process.ts';

/** Style and the direction of imports. */
export function lint(): Promise<Outcome> {
  return runTool('@biomejs/biome', ['check', '--error-on-warnings', '.']);
}

/** Types of everything, tests and examples too. */
export function types(): Promise<Outcome> {
  return runTool('typescript', ['-p', 'tsconfig.check.json']);
}

/** The binding that @kd/engine takes from upstream, copied at build time. */
export function vendor(): Promise<Outcome> {
  return runTool('turbo', ['run', 'vendor', '--output-logs=errors-only']);
}

/** dist/ of every package. */
export function build(): Promise<Outcome> {
  return runTool('turbo', ['run', 'build', '--output-logs=errors-only']);
}

/** No unused file, export or dependency. */
export function unused(): Promise<Outcome> {
  return runTool('knip', ['--no-progress']);
}

/** Browser bundles: they exist (so no `fs` in them) and stay within .size-limit.json. */
export function sizes(): Promise<Outcome> {
  return runTool('size-limit', []);
}

/** The API pages; they read the build of the packages below. */
export function apiPages(): Promise<Outcome> {
  return runTool('typedoc', ['--logLevel', 'Error']);
}

/**
 * The changesets can be read, and what changed since `main` has one; a clone without that branch
 * has nothing to compare with.
 */
export async function changesets(): Promise<Outcome> {
  const outcome = await runTool('@changesets/cli', ['status']);
  return outcome.output.includes('Failed to find where HEAD diverged')
    ? { ...outcome, ok: true }
    : outcome;
}

/**
 * What npm would publish: entry points exist, and types agree with the code in every way of
 * resolving that we support.
 */
export async function published(tarballs: readonly string[]): Promise<Outcome> {
  const outcomes = await Promise.all(
    tarballs.flatMap((tarball) => [
      runTool('publint', ['run', tarball, '--strict']),
      runTool('@arethetypeswrong/cli', [tarball, '--profile', 'esm-only', '--quiet']),
    ]),
  );
  const failed = outcomes.filter((outcome) => !outcome.ok);
  return { ok: failed.length === 0, output: failed.map((outcome) => outcome.output).join('\n') };
}
