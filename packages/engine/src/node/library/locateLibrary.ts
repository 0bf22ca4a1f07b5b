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
 * Finds libtensorflow: in a directory that the user names, in the cache, in an installed Python.
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
 * Returns the first one found in this order: `KD_LIBTENSORFLOW`, the cache (the newest version, or
 * the one that `KD_TENSORFLOW_VERSION` names), Python. If a variable names one that does not exist,
 * that is the reason returned: nothing falls back silently.
 */
export function locateLibrary(): LocatedLibrary | { readonly reason: string } {
  const named = process.env.KD_LIBTENSORFLOW;
  if (named) {
    const found = librariesIn(named);
    return 'directory' in found
      ? { ...found, from: 'KD_LIBTENSORFLOW' }
      : { reason: `KD_LIBTENSORFLOW names it, but ${found.reason}` };
  }
  const requested = process.env.KD_TENSORFLOW_VERSION;
  if (requested) return locateVersion(requested);
  const [newest] = installedVersions();
  if (newest !== undefined) return { ...newest, from: 'cache' };
  const python = findInPython();
  if (python !== undefined) return { directory: python, from: 'Python' };
  const searched = `KD_LIBTENSORFLOW is not set, there is none in ${installationsDirectory()}, no Python here has tensorflow`;
  return { reason: `libtensorflow was not found: ${searched}` };
}

function locateVersion(requested: string): LocatedLibrary | { readonly reason: string } {
  if (!isVersion(requested))
    return { reason: `KD_TENSORFLOW_VERSION: expected ${versionForm}, got ${requested}` };
  const installed = installedVersions();
  const match = installed.find(({ version }) => matchesVersion(version, requested));
  if (match !== undefined) return { ...match, from: 'cache' };
  const others =
    installed.length === 0
      ? 'nothing'
      : [...new Set(installed.map(({ version }) => version))].join(', ');
  const remedy = `\`npx kd-engine install --version ${requested}\``;
  return {
    reason: `KD_TENSORFLOW_VERSION requests ${requested}, but ${installationsDirectory()} holds ${others}; ${remedy} installs it`,
  };
}

/** Finds the package without importing it, which takes seconds. */
const findSpecProgram =
  'import importlib.util as u; s = u.find_spec("tensorflow"); print(s.submodule_search_locations[0] if s and s.submodule_search_locations else "")';

/**
 * The directory of an installed Python's `tensorflow`, if it has the libraries. Takes some 50 ms if
 * there is a Python.
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
