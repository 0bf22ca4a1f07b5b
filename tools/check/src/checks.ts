import { packageDirectories } from './packages.ts';
import { type Outcome, type RunOptions, runTool } from './process.ts';

/** These checks leave the processor to the tests that run beside them. */
const background: RunOptions = { priority: 10 };

/** Style and the direction of imports. */
export function lint(): Promise<Outcome> {
  return runTool('@biomejs/biome', ['check', '--error-on-warnings', '.'], background);
}

/** Types of everything, tests and examples too. */
export function types(): Promise<Outcome> {
  return runTool('typescript', ['-p', 'tsconfig.check.json'], background);
}

/** The parts of TensorFlow.js that @kd/engine bundles. */
export function vendor(): Promise<Outcome> {
  return runTool('turbo', ['run', 'vendor', '--output-logs=errors-only']);
}

/**
 * `dist/` of every package, in one process. Types are the check above: here they are only written.
 */
export function build(): Promise<Outcome> {
  return runTool('typescript', ['-b', '--noCheck', ...packageDirectories()], background);
}

/** No unused file, export or dependency. */
export function unused(): Promise<Outcome> {
  return runTool('knip', ['--no-progress'], background);
}

/** Browser bundles: they exist (so no `fs` in them) and stay within .size-limit.json. */
export function bundleSizes(): Promise<Outcome> {
  return runTool('size-limit', [], background);
}

/** The API pages of all packages, read from their sources. */
export function apiPages(): Promise<Outcome> {
  return runTool('typedoc', ['--logLevel', 'Error'], background);
}

/**
 * The changesets can be read, and what changed since `main` has one; a clone without that branch
 * has nothing to compare with.
 */
export async function changesets(): Promise<Outcome> {
  const outcome = await runTool('@changesets/cli', ['status'], background);
  return outcome.output.includes('Failed to find where HEAD diverged')
    ? { ...outcome, ok: true }
    : outcome;
}

/**
 * What npm would publish: entry points exist, and types agree with the code in every way of
 * resolving that we support.
 */
export async function publishedTypes(tarballs: readonly string[]): Promise<Outcome> {
  const failed: Outcome[] = [];
  for (const tarball of tarballs) {
    const outcomes = await Promise.all([
      runTool('publint', ['run', tarball, '--strict'], background),
      runTool('@arethetypeswrong/cli', [tarball, '--profile', 'esm-only', '--quiet'], background),
    ]);
    failed.push(...outcomes.filter((outcome) => !outcome.ok));
  }
  return { ok: failed.length === 0, output: failed.map((outcome) => outcome.output).join('\n') };
}
