import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defaultServerConditions } from 'vite';
import { defineConfig, type TestProjectConfiguration } from 'vitest/config';

/**
 * `vitest run` leaves out `*.slow.test.ts`, which repeat on one more engine what other tests
 * cover, and takes gradients on cpu along directions instead of element by element. `--mode slow`
 * runs these alone (the tests of the losses then take every element), `--mode all` every file.
 */
const modes = {
  quick: isQuick,
  slow: (file: string, directory: string) => isSlow(file) || directory === 'packages/losses',
  all: () => true,
} as const;

/** Runs before every file that shares its process with others. */
const resetProcess = fileURLToPath(new URL('tools/testing/src/resetProcess.ts', import.meta.url));

export default defineConfig(({ mode }) => ({
  test: {
    projects: [
      ...workspaces('packages'),
      ...workspaces('tools'),
      ...workspaces('examples'),
      'bench',
    ]
      .filter((directory) => existsSync(join(directory, 'test')))
      .flatMap((directory) => {
        const isIncluded = modes[mode as keyof typeof modes] ?? isQuick;
        return projectsOf(directory, (file) => isIncluded(file, directory));
      }),
    ...((mode === 'slow' || mode === 'all') && { env: { KD_EVERY_ELEMENT: '1' } }),
    globalSetup: ['tools/check/src/vendored.ts'],
    passWithNoTests: mode === 'slow',
    // A process that loads libtensorflow takes about half a gigabyte and computes on every core:
    // more than four at once gain nothing.
    maxWorkers: Math.min(4, availableParallelism()),
    slowTestThreshold: 2_000,
    onConsoleLog: (text) =>
      !text.includes('Hi, looks like you are running TensorFlow.js in Node.js'),
  },
}));

function isSlow(file: string): boolean {
  return file.endsWith('.slow.test.ts');
}

function isQuick(file: string): boolean {
  return !isSlow(file);
}

/** The directories below `packages` and the like. */
function workspaces(parent: string): string[] {
  return readdirSync(parent)
    .sort()
    .map((name) => `${parent}/${name}`);
}

/**
 * The tests of a package in two projects: files that share processes, so that modules are loaded
 * and engines are started once for all of them, and files that say `// @isolated` and get a process
 * each.
 */
function projectsOf(
  directory: string,
  isIncluded: (file: string) => boolean,
): TestProjectConfiguration[] {
  const name = directory.replace('packages/', '').replace('/', '-');
  const files = readdirSync(join(directory, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts') && isIncluded(file))
    .map((file) => join('test', file));
  const isolated = files.filter((file) => isIsolated(directory, file));
  const shared = files.filter((file) => !isolated.includes(file));
  return [
    ...(isolated.length > 0 && shared.length > 0
      ? [project(`${name}-isolated`, directory, isolated, true)]
      : []),
    ...(shared.length > 0
      ? [project(name, directory, shared, false)]
      : [project(name, directory, isolated, true)]),
  ];
}

function isIsolated(directory: string, file: string): boolean {
  return /^\/\/ @isolated\b/m.test(readFileSync(join(directory, file), 'utf8'));
}

/** Sources are resolved through the `@kd/source` condition: no build is needed. */
function project(
  name: string,
  root: string,
  include: string[],
  isolate: boolean,
): TestProjectConfiguration {
  return {
    root,
    ssr: {
      resolve: {
        conditions: ['@kd/source', ...defaultServerConditions],
        externalConditions: ['@kd/source'],
      },
    },
    test: {
      name,
      include,
      isolate,
      pool: 'forks',
      ...(!isolate && { setupFiles: [resetProcess] }),
      testTimeout: 60_000,
      hookTimeout: 120_000,
    },
  };
}
