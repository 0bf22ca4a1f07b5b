import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OpenProgress } from '@kd/core';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { parseCommandLine } from '../src/node/commandLine.ts';
import { installTensorflow } from '../src/node/install/install.ts';
import { wheelPackage } from '../src/node/install/wheel.ts';
import { installFolder } from '../src/node/tensorflow/find.ts';
import { frameworkFile, libraryFile, libraryVersion } from '../src/node/tensorflow/library.ts';
import { runNode } from './child.ts';
import { zipOf } from './zip.ts';

const library = Buffer.from('the library');
const framework = Buffer.from('the framework');
const digest = (content: Buffer): string => createHash('sha256').update(content).digest('base64url');

function wheelWith(recorded: Buffer): Buffer {
  const record = [
    `tensorflow/${libraryFile},sha256=${digest(recorded)},${recorded.length}`,
    `tensorflow/${frameworkFile},sha256=${digest(framework)},${framework.length}`,
  ].join('\n');
  return zipOf({
    'tensorflow/other.py': Buffer.from('not needed'),
    [`tensorflow/${libraryFile}`]: library,
    [`tensorflow/${frameworkFile}`]: framework,
    'tensorflow_cpu-2.21.0.dist-info/RECORD': Buffer.from(record),
  });
}

let folder: string;

/** A `python3` whose pip "downloads" the file `wheel` of our folder, or fails with some words. */
function fakePip(fails?: string): void {
  const download =
    fails === undefined ? `/bin/cp '${folder}/wheel' "$dest/tensorflow_cpu-2.21.0-cp312-cp312-manylinux.whl"` : `echo '${fails}' >&2; exit 1`;
  const script = `#!/bin/sh
case "$*" in *--version*) exit 0;; esac
while [ $# -gt 0 ]; do [ "$1" = --dest ] && dest="$2"; last="$1"; shift; done
echo "$last" >> '${folder}/asked'
echo 'Downloading tensorflow_cpu.whl (0.1 MB)'
${download}
`;
  writeFileSync(join(folder, 'bin', 'python3'), script);
  chmodSync(join(folder, 'bin', 'python3'), 0o755);
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kd-engine-'));
  mkdirSync(join(folder, 'bin'));
  vi.stubEnv('KD_CACHE', join(folder, 'cache'));
  vi.stubEnv('PATH', join(folder, 'bin'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

test('which wheel, and where there is none', () => {
  expect(wheelPackage('linux', 'x64', true)).toEqual({ name: 'tensorflow-cpu' });
  expect(wheelPackage('linux', 'arm64', true)).toEqual({ name: 'tensorflow' });
  expect(wheelPackage('darwin', 'arm64', false)).toEqual({ name: 'tensorflow' });
  const others = 'there is for Linux (glibc) x64 and arm64 and for macOS arm64';
  expect(wheelPackage('win32', 'x64', false)).toEqual({ reason: `there is no wheel with libtensorflow for win32 x64; ${others}` });
  expect(wheelPackage('linux', 'x64', false)).toEqual({ reason: `there is no wheel with libtensorflow for linux x64 without glibc; ${others}` });
});

describe.skipIf('reason' in wheelPackage(process.platform, process.arch, true))('installing', () => {
  test('unpacks the two libraries and nothing else; the second time nothing is asked of pip', async () => {
    writeFileSync(join(folder, 'wheel'), wheelWith(library));
    fakePip();
    const shown: string[] = [];
    const openProgress: OpenProgress = (label, total) => ({ update: (done) => shown.push(`${label} ${done}/${total}`), end: () => {} });
    const wanted = { folder: installFolder() };
    expect(await installTensorflow({ openProgress })).toEqual(wanted);
    expect(await installTensorflow()).toEqual(wanted);
    expect(readdirSync(installFolder()).sort()).toEqual([libraryFile, frameworkFile].sort());
    expect(readFileSync(join(installFolder(), libraryFile))).toEqual(library);
    expect(readFileSync(join(folder, 'asked'), 'utf8')).toMatch(new RegExp(`^tensorflow(-cpu)?==${libraryVersion}\n$`));
    expect(shown.at(-1)).toBe('unpacking libtensorflow 24/24');
    expect(readdirSync(join(folder, 'cache', 'libtensorflow'))).toEqual([libraryVersion]);
  });

  test('a file that is not as the wheel’s RECORD says is named, and nothing stays', async () => {
    writeFileSync(join(folder, 'wheel'), wheelWith(Buffer.from('THE LIBRARY')));
    fakePip();
    expect(await installTensorflow()).toEqual({
      reason: `kd-engine install: expected tensorflow/${libraryFile} to have 11 bytes with sha256 ${digest(Buffer.from('THE LIBRARY'))}, got 11 bytes with sha256 ${digest(library)}; download it again.`,
    });
    expect(readdirSync(join(folder, 'cache', 'libtensorflow'))).toEqual([]);
  });

  test('pip’s own words where it fails, after trying the wheels of another Python', async () => {
    fakePip('ERROR: No matching distribution found');
    const { reason } = (await installTensorflow()) as { reason: string };
    expect(reason).toMatch(/^kd-engine install: expected pip to download tensorflow.*==2.21.0, got: ERROR: No matching distribution found$/);
    expect(readFileSync(join(folder, 'asked'), 'utf8').trim().split('\n')).toHaveLength(2);
  });

  test('no pip', async () => {
    expect(await installTensorflow()).toEqual({
      reason: "no pip was found; install Python's pip (or uv) and try again, or point KD_LIBTENSORFLOW to a folder that has the libraries",
    });
    expect(existsSync(join(folder, 'cache'))).toBe(false);
  });

  test('what an installation that was killed left is removed', async () => {
    const stale = join(folder, 'cache', 'libtensorflow', `.part-${2 ** 30}`);
    mkdirSync(stale, { recursive: true });
    writeFileSync(join(folder, 'wheel'), wheelWith(library));
    fakePip();
    await installTensorflow();
    expect(existsSync(stale)).toBe(false);
  });
});

describe('kd-engine', () => {
  const command = (...args: string[]) => runNode('src/node/command.ts', args, { KD_LIBTENSORFLOW: '/nowhere' });

  test.each([
    [[], 'nothing'],
    [['train'], 'train'],
    [['doctor', 'now'], 'doctor now'],
    [['--gpu'], '--gpu'],
  ])('%j is refused in one line', (args, got) => {
    expect(parseCommandLine(args)).toEqual({ wrong: `kd-engine: expected doctor or install, got ${got}; kd-engine --help says more.` });
  });

  test('what it does not know ends with status 2', () => {
    expect(command('train')).toMatchObject({ status: 2, stdout: '', stderr: expect.stringMatching(/^kd-engine: expected .*\n$/) });
  });

  test('doctor says what is here and what is not and why, and ends well where an engine trains', () => {
    const { status, stdout, stderr } = command('doctor');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(`node           ${process.version}`);
    expect(stdout).toContain('tensorflow     absent: KD_LIBTENSORFLOW names it, but there is no folder /nowhere');
    expect(stdout).toMatch(/wasm {11}trains: 4\.\d+\.\d+, CPU, 1 thread, WebAssembly/);
    expect(stdout).toContain('startEngine() takes wasm. `npx kd-engine install` brings tensorflow');
  });

  test('install says why it cannot', () => {
    expect(command('install')).toMatchObject({ status: 1, stderr: 'kd-engine: KD_LIBTENSORFLOW names it, but there is no folder /nowhere\n' });
  });
});
