import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import {
  type Build,
  installationsDirectory,
  installedVersions,
  isVersion,
  librariesIn,
  matchesVersion,
  missingFiles,
  versionForm,
} from './libraryFiles.ts';

/**
 * Where libtensorflow lies: a directory that the user names, our cache, an installed Python's package.
 */

export type LocatedLibrary =
  | { readonly directory: string; readonly from: 'KD_LIBTENSORFLOW' | 'Python' }
  | {
      readonly directory: string;
      readonly from: 'cache';
      readonly version: string;
      readonly build: Build;
    };

/**
 * Looks in all three places, in this order; of several versions in the cache, the newest, or the
 * one that `KD_TENSORFLOW_VERSION` names.
 * What the user named and is not there is an answer too: nothing else is looked for.
 */
export function locateLibrary(): LocatedLibrary | { readonly reason: string } {
  const named = process.env.KD_LIBTENSORFLOW;
  if (named) {
    const found = librariesIn(named);
    return 'directory' in found
      ? { ...found, from: 'KD_LIBTENSORFLOW' }
      : { reason: `KD_LIBTENSORFLOW names it, but ${found.reason}` };
  }
  const asked = process.env.KD_TENSORFLOW_VERSION;
  if (asked) return locateVersion(asked);
  const [newest] = installedVersions();
  if (newest !== undefined) return { ...newest, from: 'cache' };
  const python = findInPython();
  if (python !== undefined) return { directory: python, from: 'Python' };
  const places = `KD_LIBTENSORFLOW is not set, there is none in ${installationsDirectory()}, no Python here has tensorflow`;
  return { reason: `libtensorflow was not found: ${places}` };
}

function locateVersion(asked: string): LocatedLibrary | { readonly reason: string } {
  if (!isVersion(asked))
    return { reason: `KD_TENSORFLOW_VERSION: expected ${versionForm}, got ${asked}` };
  const installed = installedVersions();
  const match = installed.find(({ version }) => matchesVersion(version, asked));
  if (match !== undefined) return { ...match, from: 'cache' };
  const others =
    installed.length === 0
      ? 'nothing'
      : [...new Set(installed.map(({ version }) => version))].join(', ');
  const remedy = `\`npx kd-engine install --version ${asked}\``;
  return {
    reason: `KD_TENSORFLOW_VERSION asks for ${asked}, but ${installationsDirectory()} holds ${others}; ${remedy} brings it`,
  };
}

/** Asked of Python without importing tensorflow, which takes seconds. */
const findSpecProgram =
  'import importlib.util as u; s = u.find_spec("tensorflow"); print(s.submodule_search_locations[0] if s and s.submodule_search_locations else "")';

/**
 * The directory of an installed Python's `tensorflow` that has the libraries in it. Takes some 50 ms
 * where there is a Python.
 */
export function findInPython(): string | undefined {
  for (const name of ['python3', 'python']) {
    if (!isOnPath(name)) continue;
    const directory = queryPython(name);
    if (directory !== undefined && missingFiles(directory) === undefined) return directory;
  }
  return undefined;
}

function isOnPath(command: string): boolean {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .some((directory) => directory !== '' && existsSync(join(directory, command)));
}

function queryPython(python: string): string | undefined {
  try {
    return (
      execFileSync(python, ['-c', findSpecProgram], {
        encoding: 'utf8',
        timeout: 5_000,
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim() || undefined
    );
  } catch {
    return undefined;
  }
}
