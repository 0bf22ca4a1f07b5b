import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { unexpected } from '@kd/core';

/** Ways to call pip, in the order in which they are tried; uv runs pip itself, and brings a Python where there is none. */
const ways: readonly (readonly [string, ...string[]])[] = [
  ['python3', '-m', 'pip'],
  ['python', '-m', 'pip'],
  ['pip3'],
  ['pip'],
  ['uv', 'tool', 'run', 'pip'],
];

/** The words that call pip here, or undefined where there is none. */
export function findPip(): readonly string[] | undefined {
  return ways.find(([command, ...args]) => spawnSync(command, [...args, '--version'], { stdio: 'ignore', timeout: 60_000 }).status === 0);
}

export interface Unpacking {
  /** What `findPip` found. */
  readonly pip: readonly string[];
  /** A file of requirements, each with the checksum of its wheel: pip takes no other. */
  readonly requirements: string;
  /** Where the wheels are unpacked to. */
  readonly target: string;
  /** For pip's own temporary files. */
  readonly folder: string;
  /** Told four times a second how many bytes the largest file in `folder` has. */
  readonly onBytes: (bytes: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Fetches wheels and unpacks them beside whatever Python has: nothing is built, run or installed. @throws RangeError with pip's last words. */
export async function unpackWithPip({ pip, requirements, target, folder, onBytes, signal }: Unpacking): Promise<void> {
  const [command, ...words] = pip as readonly [string, ...string[]];
  const plain = ['--no-deps', '--only-binary=:all:', '--no-compile', '--progress-bar=off', '--disable-pip-version-check'];
  const args = [...words, 'install', ...plain, '--require-hashes', '--target', target, '--requirement', requirements];
  const child = spawn(command, args, { env: { ...process.env, TMPDIR: folder }, stdio: ['ignore', 'pipe', 'pipe'], ...(signal && { signal }) });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => said.push(text));
  // pip says nothing while it downloads into a pipe: the size of what lies in the folder is watched instead.
  const timer = setInterval(() => onBytes(largestFile(folder)), 250);
  const failure = await new Promise<string | undefined>((resolve) => {
    const failed: string[] = [];
    // An interrupted pip still has to end: its files are removed after it.
    child.on('error', ({ message }) => (child.pid === undefined ? resolve(message) : failed.push(message)));
    child.on('close', (code) => resolve(code === 0 ? undefined : (failed[0] ?? lastWords(said.join('')))));
  });
  clearInterval(timer);
  signal?.throwIfAborted();
  if (failure !== undefined)
    throw unexpected('pip', `the wheels of ${requirements} with their checksums`, failure, 'is the package index to be reached?');
}

/** 0 where a folder goes while it is read, as pip's own do. */
function largestFile(folder: string): number {
  try {
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    return Math.max(0, ...names.map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

function lastWords(said: string): string {
  const lines = said.split('\n').filter((line) => line.trim() !== '');
  return (lines.reverse().find((line) => line.startsWith('ERROR')) ?? lines[0] ?? 'nothing').trim();
}
