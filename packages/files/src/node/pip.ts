import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Ways to call pip, in the order in which they are tried. uv has no `pip download`: it runs pip
 * itself, and brings a Python where there is none.
 */
const ways = [
  ['python3', '-m', 'pip'],
  ['python', '-m', 'pip'],
  ['pip3'],
  ['pip'],
  ['uv', 'tool', 'run', 'pip'],
] as const satisfies readonly (readonly [string, ...string[]])[];

/** The words that call pip here, or undefined where there is none. */
export function findPip(): readonly string[] | undefined {
  return ways.find(
    ([command, ...args]) =>
      spawnSync(command, [...args, '--version'], { stdio: 'ignore', timeout: patience(command) })
        .status === 0,
  );
}

/** uv may have to fetch pip and a Python first. */
function patience(command: string): number {
  return command === 'uv' ? 300_000 : 20_000;
}

export interface PipRun {
  /** What `findPip` found. */
  readonly pip: readonly string[];
  /** What pip is to do: `download …`. */
  readonly args: readonly string[];
  /** Pip's own temporary files go there; what it loads should too. */
  readonly folder: string;
  /** Told four times a second how many bytes the largest file in `folder` has. */
  readonly onBytes: (bytes: number) => void;
  /** Ends pip; this resolves once it has ended. */
  readonly signal?: AbortSignal | undefined;
}

/** Runs pip. @returns Its last words where it failed, or undefined where it did not. */
export function runPip({
  pip,
  args,
  folder,
  onBytes,
  signal,
}: PipRun): Promise<string | undefined> {
  const [command, ...words] = pip as readonly [string, ...string[]];
  const env = { ...process.env, TMPDIR: folder };
  const child = spawn(command, [...words, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(signal && { signal }),
  });
  const said: string[] = [];
  // pip says nothing while it downloads into a pipe: the size of what lies in the folder is watched
  // instead.
  const timer = setInterval(() => onBytes(largestFile(folder)), 250);
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => said.push(text));
  return new Promise((resolve) => {
    const failed: string[] = [];
    // An interrupted pip still has to end: its files are removed after it.
    child.on('error', ({ message }) =>
      child.pid === undefined ? close(message) : failed.push(message),
    );
    child.on('close', (code) =>
      close(code === 0 ? undefined : (failed[0] ?? lastWords(said.join('')))),
    );
    function close(result: string | undefined): void {
      clearInterval(timer);
      resolve(result);
    }
  });
}

/**
 * pip writes a wheel once or twice under other names before it puts it there. 0 where a folder goes
 * while it is read, as pip's own do.
 */
function largestFile(folder: string): number {
  try {
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    return Math.max(
      0,
      ...names.map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

function lastWords(said: string): string {
  const lines = said.split('\n').filter((line) => line.trim() !== '');
  return (lines.reverse().find((line) => line.startsWith('ERROR')) ?? lines[0] ?? 'nothing').trim();
}
