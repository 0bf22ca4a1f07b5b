import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { runInNewContext } from 'node:vm';
import type { EngineName } from '../src/index.ts';

/** Tests that are not run on an engine. */
export interface Exclusion {
  /**
   * A test's name without the environment (`diag bool`), or how names start, with an asterisk
   * (`fused conv2d basic in NCHW*`).
   */
  readonly tests: string;
  readonly reason: string;
}

/** Reads `exclusions/<engine>.json`. */
export async function readExclusions(engine: EngineName): Promise<readonly Exclusion[]> {
  return JSON.parse(
    await readFile(new URL(`exclusions/${engine}.json`, import.meta.url), 'utf8'),
  ) as Exclusion[];
}

/** The exclusion that a test falls under. @param name Without the environment. */
export function exclusionOf(exclusions: readonly Exclusion[], name: string): Exclusion | undefined {
  return exclusions.find(({ tests }) =>
    tests.endsWith('*') ? name.startsWith(tests.slice(0, -1)) : name === tests,
  );
}

/**
 * Reads the tests that upstream excludes on tfjs-node: a list in its own runner, which is part of
 * the package.
 * @returns Whether a test is excluded. Its name has upstream's environment: `diag test-tensorflow
 * {} bool`.
 */
export async function upstreamExcludes(): Promise<(fullName: string) => boolean> {
  const file = createRequire(import.meta.url).resolve(
    '@tensorflow/tfjs-node-gpu/dist/run_tests.js',
  );
  const list = /var IGNORE_LIST = (\[.*?\n\]);/s.exec(await readFile(file, 'utf8'))?.[1];
  if (list === undefined)
    throw new Error(
      `conformance: expected IGNORE_LIST in ${file}, got another version; look at it again.`,
    );
  const parts = runInNewContext(list) as string[];
  return (fullName) => parts.some((part) => fullName.includes(part));
}
