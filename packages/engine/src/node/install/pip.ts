import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { OpenProgress } from '@kd/core';

/** Ways to call pip, in the order in which they are tried. */
const ways = [
  ['python3', '-m', 'pip'],
  ['python', '-m', 'pip'],
  ['pip3'],
  ['pip'],
  ['uv', 'tool', 'run', 'pip'],
] as const satisfies readonly (readonly [string, ...string[]])[];

/** The words that call pip here, or undefined where there is none. */
export function findPip(): readonly string[] | undefined {
  return ways.find(([command, ...args]) => spawnSync(command, [...args, '--version'], { stdio: 'ignore', timeout: 20_000 }).status === 0);
}

/**
 * Downloads one wheel with pip.
 * @param requirement `tensorflow-cpu==2.21.0`. @param folder Empty; pip's own temporary files go there too. @returns The wheel's path.
 * @throws Error with pip's last words.
 */
export async function downloadWheel(pip: readonly string[], requirement: string, folder: string, openProgress?: OpenProgress): Promise<string> {
  const own = await run(pip, requirement, folder, [], openProgress);
  // The libraries do not care for Python's version: where this Python is too new or too old for the wheels, another's wheel does.
  const result = own === undefined ? own : await run(pip, requirement, folder, ['--python-version', '3.12'], openProgress);
  const wheel = result === undefined ? (await readdir(folder)).find((name) => name.endsWith('.whl')) : undefined;
  if (wheel === undefined) throw new Error(`kd-engine install: expected pip to download ${requirement}, got: ${own ?? 'no wheel'}`);
  return join(folder, wheel);
}

/** @returns Why it failed, or undefined where it did not. */
function run(
  pip: readonly string[],
  requirement: string,
  folder: string,
  extra: readonly string[],
  openProgress?: OpenProgress,
): Promise<string | undefined> {
  const [command, ...args] = pip as readonly [string, ...string[]];
  const download = ['download', '--no-deps', '--only-binary=:all:', '--progress-bar=off', ...extra, '--dest', folder, requirement];
  const child = spawn(command, [...args, ...download], { env: { ...process.env, TMPDIR: folder }, stdio: ['ignore', 'pipe', 'pipe'] });
  const words: string[] = [];
  const progress = watch(folder, () => announcedBytes(words.join('')), openProgress);
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => words.push(text));
  return new Promise((resolve) => {
    const settle = (result?: string): void => {
      progress.end();
      resolve(result);
    };
    child.on('error', ({ message }) => settle(message));
    child.on('close', (code) => settle(code === 0 ? undefined : lastError(words.join(''))));
  });
}

/** pip says nothing while it downloads into a pipe: the size of what lies in the folder is watched instead. */
function watch(folder: string, total: () => number | undefined, openProgress?: OpenProgress): { end(): void } {
  const state: { progress?: ReturnType<OpenProgress> } = {};
  const timer = setInterval(() => {
    const bytes = total();
    if (bytes === undefined || openProgress === undefined) return;
    state.progress ??= openProgress('downloading libtensorflow', bytes, 'B');
    state.progress.update(Math.min(bytes, largestFile(folder)));
  }, 250);
  return {
    end() {
      clearInterval(timer);
      state.progress?.end();
    },
  };
}

/** pip: `Downloading tensorflow_cpu-….whl (273.8 MB)`. */
function announcedBytes(words: string): number | undefined {
  const size = /Downloading .*\((\d+(?:\.\d+)?) MB\)/.exec(words)?.[1];
  return size === undefined ? undefined : Number(size) * 1e6;
}

function largestFile(folder: string): number {
  const sizes = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map(
    (name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0,
  );
  return Math.max(0, ...sizes);
}

function lastError(words: string): string {
  const lines = words.split('\n').filter((line) => line.trim() !== '');
  return (lines.reverse().find((line) => line.startsWith('ERROR')) ?? lines[0] ?? 'nothing').trim();
}
