import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProgressFactory } from '@kd/core';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  installTensorflow,
  installTensorflowVersion,
} from '../src/node/install/installTensorflow.ts';
import { cudaRequirements, findWheelPackage } from '../src/node/install/wheelPackages.ts';
import {
  type Build,
  frameworkFile,
  installationDirectory,
  installationsDirectory,
  installedVersions,
  librariesDirectory,
  libraryFile,
  libraryVersion,
} from '../src/node/library/libraryFiles.ts';
import { locateLibrary } from '../src/node/library/locateLibrary.ts';
import { zipOf } from './zip.ts';

const library = Buffer.from('the library');
const framework = Buffer.from('the framework');
const digest = (content: Buffer): string =>
  createHash('sha256').update(content).digest('base64url');
const recordOf = (files: Readonly<Record<string, Buffer>>): Buffer =>
  Buffer.from(
    Object.entries(files)
      .map(([name, content]) => `${name},sha256=${digest(content)},${content.length}`)
      .join('\n'),
  );

const metadata = `Metadata-Version: 2.1
Requires-Dist: numpy>=1.26.0
Requires-Dist: nvidia-cublas-cu12<13.0,>=12.5.3.2; extra == "and-cuda"
`;

/** @param recorded What RECORD says the library is. */
function wheelWith(recorded: Buffer): Buffer {
  return zipOf({
    'tensorflow/other.py': Buffer.from('not needed'),
    [`tensorflow/${libraryFile}`]: library,
    [`tensorflow/${frameworkFile}`]: framework,
    'tensorflow-2.21.0.dist-info/METADATA': Buffer.from(metadata),
    'tensorflow-2.21.0.dist-info/RECORD': recordOf({
      [`tensorflow/${libraryFile}`]: recorded,
      [`tensorflow/${frameworkFile}`]: framework,
    }),
  });
}

const cublas = 'nvidia/cublas/lib/libcublas.so.12';
const compiler = 'nvidia/cuda_nvcc/bin/ptxas';

/** @param others Files that are not wanted. */
function nvidiaWheel(others: Readonly<Record<string, Buffer>>): Buffer {
  const files = { [cublas]: Buffer.from('cuBLAS'), [compiler]: Buffer.from('ptxas') };
  return zipOf({
    ...files,
    ...others,
    'nvidia_cublas_cu12-12.5.3.2.dist-info/RECORD': recordOf(files),
  });
}

let directory: string;

/**
 * A `python3` whose pip "downloads" a wheel that lies in our directory, by the name of its package; or
 * fails with some words, or never ends.
 */
function fakePip(behaviour: { fails?: string; hangs?: boolean; version?: string } = {}): void {
  const { fails, hangs = false, version = '2.21.0' } = behaviour;
  const download = `case "$last" in
nvidia*) /bin/cp '${directory}/nvidia.whl' "$dest/nvidia_cublas_cu12-12.5.3.2-py3-none-any.whl";;
*) /bin/cp '${directory}/tensorflow.whl' "$dest/tensorflow_cpu-${version}-cp312-cp312-manylinux.whl";;
esac`;
  const act = hangs
    ? 'exec /bin/sleep 60'
    : fails === undefined
      ? download
      : `echo '${fails}' >&2; exit 1`;
  const script = `#!/bin/sh
case "$*" in *--version*) exit 0;; esac
while [ $# -gt 0 ]; do [ "$1" = --dest ] && dest="$2"; last="$1"; shift; done
echo "$last" >> '${directory}/asked'
echo 'Downloading a wheel (0.1 MB)'
${act}
`;
  writeFileSync(join(directory, 'bin', 'python3'), script);
  chmodSync(join(directory, 'bin', 'python3'), 0o755);
}

const asked = (): string[] => readFileSync(join(directory, 'asked'), 'utf8').trim().split('\n');
const librariesOf = (version: string, build: Build): string =>
  librariesDirectory(installationDirectory(version, build), build);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kd-engine-'));
  mkdirSync(join(directory, 'bin'));
  writeFileSync(join(directory, 'tensorflow.whl'), wheelWith(library));
  writeFileSync(
    join(directory, 'nvidia.whl'),
    nvidiaWheel({ 'nvidia/cublas/include/cublas.h': Buffer.from('not needed') }),
  );
  vi.stubEnv('KD_CACHE', join(directory, 'cache'));
  vi.stubEnv('KD_LIBTENSORFLOW', '');
  vi.stubEnv('KD_TENSORFLOW_VERSION', '');
  vi.stubEnv('PATH', join(directory, 'bin'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
});

const linux = { platform: 'linux', architecture: 'x64', isGlibc: true };

test('the wheel for a machine, or the reason why there is none', () => {
  expect(findWheelPackage(linux, 'CPU')).toEqual({ name: 'tensorflow-cpu' });
  expect(findWheelPackage(linux, 'CUDA')).toEqual({ name: 'tensorflow' });
  expect(findWheelPackage({ ...linux, architecture: 'arm64' }, 'CPU')).toEqual({
    name: 'tensorflow',
  });
  expect(
    findWheelPackage({ platform: 'darwin', architecture: 'arm64', isGlibc: false }, 'CPU'),
  ).toEqual({ name: 'tensorflow' });
  const others = 'there is for Linux (glibc) x64 and arm64 and for macOS arm64';
  const none = (here: string) => ({
    reason: `there is no wheel with libtensorflow for ${here}; ${others}`,
  });
  expect(
    findWheelPackage({ platform: 'win32', architecture: 'x64', isGlibc: false }, 'CPU'),
  ).toEqual(none('win32 x64'));
  expect(findWheelPackage({ ...linux, isGlibc: false }, 'CPU')).toEqual(
    none('linux x64 without glibc'),
  );
  expect(findWheelPackage({ ...linux, architecture: 'arm64' }, 'CUDA')).toEqual({
    reason:
      'there is no wheel with the CUDA build of libtensorflow for linux arm64; there is for Linux (glibc) x64. Install without --gpu',
  });
});

test('NVIDIA’s wheels, as both forms of METADATA name them', () => {
  expect(cudaRequirements(metadata)).toEqual(['nvidia-cublas-cu12<13.0,>=12.5.3.2']);
  expect(
    cudaRequirements("Requires-Dist: nvidia-cudnn-cu12 ==9.3.0.75 ; extra == 'and-cuda'"),
  ).toEqual(['nvidia-cudnn-cu12==9.3.0.75']);
  expect(() => cudaRequirements('Requires-Dist: numpy')).toThrow(
    'expected a wheel that names NVIDIA',
  );
});

describe.skipIf(
  process.platform === 'win32' ||
    'reason' in
      findWheelPackage({ ...linux, platform: process.platform, architecture: process.arch }, 'CPU'),
)('installing', () => {
  test('unpacks the two libraries and nothing else; the second time pip is not called', async () => {
    fakePip();
    const shown: string[] = [];
    const createProgress: ProgressFactory = (label, total) => ({
      update: (done) => shown.push(`${label} ${done}/${total}`),
      end: () => {},
    });
    const place = librariesOf(libraryVersion, 'CPU');
    expect(await installTensorflowVersion({ createProgress })).toEqual({ directory: place });
    expect(await installTensorflowVersion()).toEqual({ directory: place });
    expect(await installTensorflow()).toEqual({ directory: place });
    expect(readdirSync(place).sort()).toEqual([libraryFile, frameworkFile].sort());
    expect(readFileSync(join(place, libraryFile))).toEqual(library);
    expect(asked()).toEqual([
      expect.stringMatching(new RegExp(`^tensorflow(-cpu)?==${libraryVersion}$`)),
    ]);
    expect(shown.at(-1)).toBe('unpacking libtensorflow 24/24');
    expect(readdirSync(installationsDirectory())).toEqual([libraryVersion]);
  });

  test('a file that differs from the wheel’s RECORD is named, and nothing is left', async () => {
    writeFileSync(join(directory, 'tensorflow.whl'), wheelWith(Buffer.from('THE LIBRARY')));
    fakePip();
    expect(await installTensorflowVersion()).toEqual({
      reason: `kd-engine install: expected tensorflow/${libraryFile} to have 11 bytes with sha256 ${digest(Buffer.from('THE LIBRARY'))}, got 11 bytes with sha256 ${digest(library)}; download it again.`,
    });
    expect(readdirSync(installationsDirectory())).toEqual([]);
  });

  test('a file that is longer than in RECORD is refused before it is unpacked', async () => {
    writeFileSync(join(directory, 'tensorflow.whl'), wheelWith(Buffer.from('short')));
    fakePip();
    const { reason } = (await installTensorflowVersion()) as { reason: string };
    expect(reason).toMatch(/ to have 5 bytes with sha256 \S+, got 11 bytes; download it again\.$/);
    expect(readdirSync(installationsDirectory())).toEqual([]);
  });

  test('a file that is no wheel is refused', async () => {
    writeFileSync(join(directory, 'tensorflow.whl'), '<html>a proxy’s page</html>');
    fakePip();
    const { reason } = (await installTensorflowVersion()) as { reason: string };
    expect(reason).toMatch(
      /^kd-engine install: expected a wheel, got tensorflow_cpu-2\.21\.0-cp312-cp312-manylinux\.whl: .*; download it again\.$/,
    );
    expect(readdirSync(installationsDirectory())).toEqual([]);
  });

  test('pip’s own message if it fails, after trying the wheels of another Python', async () => {
    fakePip({ fails: 'ERROR: No matching distribution found' });
    const { reason } = (await installTensorflowVersion()) as { reason: string };
    expect(reason).toMatch(
      /^kd-engine install: expected pip to download tensorflow.*==2.21.0, got: ERROR: No matching distribution found$/,
    );
    expect(asked()).toHaveLength(2);
  });

  test('no pip', async () => {
    expect(await installTensorflowVersion()).toEqual({
      reason:
        "no pip was found; install Python's pip (or uv) and try again, or point KD_LIBTENSORFLOW to a directory that has the libraries",
    });
    expect(existsSync(join(directory, 'cache'))).toBe(false);
  });

  test('files of a killed installation are removed, those of a running one are not', async () => {
    const [stale, alive] = [
      `.part-${hostname()}-${2 ** 30}-abcdef`,
      `.part-${hostname()}-${process.pid}-abcdef`,
    ];
    for (const name of [stale, alive])
      mkdirSync(join(installationsDirectory(), name), { recursive: true });
    fakePip();
    await installTensorflowVersion();
    expect(readdirSync(installationsDirectory()).sort()).toEqual([alive, libraryVersion]);
  });

  test('interrupted, it returns that reason and leaves nothing', async () => {
    fakePip({ hangs: true });
    const stopping = new AbortController();
    setTimeout(() => stopping.abort(), 300);
    const { reason } = (await installTensorflowVersion({ signal: stopping.signal })) as {
      reason: string;
    };
    expect(reason).toMatch(/^interrupted, and no file was left/);
    expect(readdirSync(installationsDirectory())).toEqual([]);
  });

  test('an installation that lost a file is replaced', async () => {
    fakePip();
    await installTensorflowVersion();
    const place = librariesOf(libraryVersion, 'CPU');
    rmSync(join(place, frameworkFile));
    expect(await installTensorflowVersion()).toEqual({ directory: place });
    expect(readFileSync(join(place, frameworkFile))).toEqual(framework);
    expect(asked()).toHaveLength(2);
  });

  test('two at once end with one installation', async () => {
    fakePip();
    const place = librariesOf(libraryVersion, 'CPU');
    expect(await Promise.all([installTensorflowVersion(), installTensorflowVersion()])).toEqual([
      { directory: place },
      { directory: place },
    ]);
    expect(readdirSync(installationsDirectory())).toEqual([libraryVersion]);
  });

  test('several versions are installed; the newest is found, or the one that KD_TENSORFLOW_VERSION names', async () => {
    fakePip();
    await installTensorflowVersion({ version: '2.21' });
    fakePip({ version: '2.9.3' });
    await installTensorflowVersion({ version: '2.9' });
    expect(asked().map((line) => line.replace('-cpu', ''))).toEqual([
      'tensorflow==2.21.*',
      'tensorflow==2.9.*',
    ]);
    expect(installedVersions().map(({ version }) => version)).toEqual(['2.21.0', '2.9.3']);
    expect(locateLibrary()).toMatchObject({ from: 'cache', version: '2.21.0', build: 'CPU' });
    vi.stubEnv('KD_TENSORFLOW_VERSION', '2.9');
    expect(locateLibrary()).toMatchObject({
      from: 'cache',
      version: '2.9.3',
      directory: librariesOf('2.9.3', 'CPU'),
    });
    vi.stubEnv('KD_TENSORFLOW_VERSION', '2.10');
    expect(locateLibrary()).toEqual({
      reason: `KD_TENSORFLOW_VERSION requests 2.10, but ${installationsDirectory()} holds 2.21.0, 2.9.3; \`npx kd-engine install --version 2.10\` installs it`,
    });
  });

  test('a version is refused while KD_LIBTENSORFLOW is set, since it would not be used', async () => {
    vi.stubEnv('KD_LIBTENSORFLOW', directory);
    expect(await installTensorflow({ version: '2.21' })).toEqual({
      reason:
        'KD_LIBTENSORFLOW names a directory, which would be used whatever is installed; unset it first',
    });
  });
});

describe.skipIf(
  'reason' in
    findWheelPackage({ ...linux, platform: process.platform, architecture: process.arch }, 'CUDA'),
)('installing for a GPU', () => {
  test('puts NVIDIA’s libraries where TensorFlow’s look for them, and nothing else', async () => {
    fakePip();
    const place = librariesOf('2.21.0', 'CUDA');
    expect(await installTensorflow({ gpu: true })).toEqual({ directory: place });
    expect(asked()).toEqual([
      `tensorflow==${libraryVersion}`,
      'nvidia-cublas-cu12<13.0,>=12.5.3.2',
    ]);
    const files = readdirSync(installationDirectory('2.21.0', 'CUDA'), {
      recursive: true,
      encoding: 'utf8',
    });
    expect(
      files
        .filter(
          (name) => !statSync(join(installationDirectory('2.21.0', 'CUDA'), name)).isDirectory(),
        )
        .sort(),
    ).toEqual(
      [cublas, compiler, `tensorflow/${libraryFile}`, `tensorflow/${frameworkFile}`].sort(),
    );
    expect(statSync(join(installationDirectory('2.21.0', 'CUDA'), compiler)).mode & 0o111).toBe(
      0o111,
    );
    expect(locateLibrary()).toMatchObject({ build: 'CUDA', directory: place });
  });

  test('an archive with a path that leaves the directory is refused', async () => {
    writeFileSync(
      join(directory, 'nvidia.whl'),
      nvidiaWheel({ '../../escaped.so': Buffer.from('outside') }),
    );
    fakePip();
    const { reason } = (await installTensorflow({ gpu: true })) as { reason: string };
    expect(reason).toMatch(
      / got nvidia_cublas_cu12-12\.5\.3\.2-py3-none-any\.whl: expected zip entries whose names stay within the archive, got "\.\.\/\.\.\/escaped\.so"; download it again\.$/,
    );
    expect(readdirSync(installationsDirectory())).toEqual([]);
  });
});
