import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Commands that run pip, in the order in which they are tried. uv has no `pip download`; it runs
 * pip
 * itself, and installs a Python if there is none.
 */
const commands = [
  ['python3', '-m', 'pip'],
  ['python', '-m', 'pip'],
  ['pip3'],
  ['pip'],
  ['uv', 'tool', 'run', 'pip'],
] as const satisfies readonly (readonly [string, ...string[]])[];

/** Finds the command that runs pip; undefined if there is none. */
export function findPip(): readonly string[] | undefined {
  return commands.find(
    ([command, ...args]) =>
      spawnSync(command, [...args, '--version'], { stdio: 'ignore', timeout: timeoutFor(command) })
        .status === 0,
  );
}

/** uv may have to install pip and a Python first. */
function timeoutFor(command: string): number {
  return command === 'uv' ? 300_000 : 20_000;
}

/** One run of pip. */
export interface PipRun {
  /** Command, from `findPip`. */
  readonly pip: readonly string[];
  /** Arguments of pip: `download …`. */
  readonly args: readonly string[];
  /** Directory for pip's temporary files; downloads should go there too. */
  readonly directory: string;
  /** Called four times a second with the size of the largest file in `directory`. */
  readonly onBytes: (bytes: number) => void;
  /** Ends pip; the promise is settled once it has ended. */
  readonly signal?: AbortSignal | undefined;
}

/** Runs pip. @returns Its last error message, or undefined on success. */
export function runPip({
  pip,
  args,
  directory,
  onBytes,
  signal,
}: PipRun): Promise<string | undefined> {
  const [command, ...words] = pip as readonly [string, ...string[]];
  const env = { ...process.env, TMPDIR: directory };
  const child = spawn(command, [...words, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(signal && { signal }),
  });
  const output: string[] = [];
  // pip prints no progress into a pipe: the sizes of the files are observed instead.
  const timer = setInterval(() => onBytes(largestFile(directory)), 250);
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => output.push(text));
  return new Promise((resolve) => {
    const failed: string[] = [];
    // An aborted pip still has to end before its files can be removed.
    child.on('error', ({ message }) =>
      child.pid === undefined ? close(message) : failed.push(message),
    );
    child.on('close', (code) =>
      close(code === 0 ? undefined : (failed[0] ?? lastMessage(output.join('')))),
    );
    function close(result: string | undefined): void {
      clearInterval(timer);
      resolve(result);
    }
  });
}

/**
 * Returns the size of the largest file: pip writes a wheel under one or two other names first. 0 if
 * a
 * directory disappears while it is read, as pip's own do.
 */
function largestFile(directory: string): number {
  try {
    const names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
    return Math.max(
      0,
      ...names.map((name) => statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0),
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

function lastMessage(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  return (lines.reverse().find((line) => line.startsWith('ERROR')) ?? lines[0] ?? 'nothing').trim();
}
