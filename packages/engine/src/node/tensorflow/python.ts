import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { missingFrom } from './library.ts';

/** Asked of Python without importing tensorflow, which takes seconds. */
const question =
  'import importlib.util as u; s = u.find_spec("tensorflow"); print(s.submodule_search_locations[0] if s and s.submodule_search_locations else "")';

/**
 * The folder of an installed Python's `tensorflow` that has the libraries in it. Takes some 50 ms
 * where there is a Python.
 */
export function pythonTensorflow(): string | undefined {
  for (const name of ['python3', 'python']) {
    if (!onPath(name)) continue;
    const folder = ask(name);
    if (folder !== undefined && missingFrom(folder) === undefined) return folder;
  }
  return undefined;
}

function onPath(command: string): boolean {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .some((folder) => folder !== '' && existsSync(join(folder, command)));
}

function ask(python: string): string | undefined {
  try {
    return (
      execFileSync(python, ['-c', question], {
        encoding: 'utf8',
        timeout: 5_000,
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim() || undefined
    );
  } catch {
    return undefined;
  }
}
