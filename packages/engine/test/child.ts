import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

/** The end of a child process. */
export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** More at a time would only take turns on the cores, and fill the memory. */
const maxRunning = Math.min(4, Math.max(2, availableParallelism() / 2));

/** Options of tests whose processes run side by side; the timeout includes waiting for a turn. */
export const sideBySide = { concurrent: true, timeout: 240_000 } as const;

const running = new Set<symbol>();
const waiting: (() => void)[] = [];

/** Runs something that starts processes, after others where many are started. */
export async function inTurn<Result>(run: () => Promise<Result>): Promise<Result> {
  if (running.size >= maxRunning) await new Promise<void>((resolve) => waiting.push(resolve));
  const own = Symbol();
  running.add(own);
  try {
    return await run();
  } finally {
    running.delete(own);
    waiting.shift()?.();
  }
}

/**
 * Runs a TypeScript file of this package in a Node of its own. @param file Relative to the package.
 * @param environment Added to ours; undefined removes a variable.
 */
export function runNode(
  file: string,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
): Promise<Ended> {
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
  const env = { ...process.env, KD_ENGINE: undefined, ...environment };
  const options = { encoding: 'utf8', env, timeout: 60_000 } as const;
  const run = (): Promise<Ended> =>
    new Promise((resolve) => {
      const child = execFile(
        process.execPath,
        ['--conditions=@kd/source', '--import', 'tsx', path, ...args],
        options,
        (_error, stdout, stderr) =>
          resolve({ status: child.exitCode, signal: child.signalCode, stdout, stderr }),
      );
    });
  return inTurn(run);
}
