import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a TypeScript file of this package in a Node of its own. @param file Relative to the package.
 * @param environment Added to ours; undefined takes a name away.
 */
export function runNode(
  file: string,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
): Ended {
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
  const env = { ...process.env, KD_ENGINE: undefined, ...environment };
  return spawnSync(
    process.execPath,
    ['--conditions=@kd/source', '--import', 'tsx', path, ...args],
    { encoding: 'utf8', env, timeout: 60_000 },
  );
}
