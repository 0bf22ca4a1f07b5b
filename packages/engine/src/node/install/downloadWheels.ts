import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProgressFactory } from '@kd/core';
import { ensureDirectory, type PipRun, runPip } from '@kd/files/node';
import type { Build } from '../library/libraryFiles.ts';
import { openWheel, readMetadata } from './unpackWheels.ts';
import { cudaRequirements, wheelSizes } from './wheelPackages.ts';

export interface WheelDownloads {
  readonly pip: readonly string[];
  /** pip's requirement for TensorFlow's wheel. */
  readonly requirement: string;
  readonly build: Build;
  /** The staging directory; each wheel gets a directory in it. */
  readonly staging: string;
  readonly createProgress?: ProgressFactory | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Downloads TensorFlow's wheel, and for the CUDA build the wheels of NVIDIA's that it requires. One
 * after the other: pip keeps up to three copies of a download, and one call for all would need that
 * space for all.
 * @returns Their paths, TensorFlow's first.
 */
export async function downloadWheels({
  pip,
  requirement,
  build,
  staging,
  createProgress,
  signal,
}: WheelDownloads): Promise<readonly string[]> {
  const total = wheelSizes[build].download;
  const progress = createProgress?.('downloading libtensorflow', total, 'B');
  const wheels: string[] = [];
  let done = 0;
  const download = async (requirement: string): Promise<string> => {
    const directory = join(staging, `wheel-${wheels.length}`);
    await ensureDirectory(directory);
    const onBytes = (bytes: number): void =>
      progress?.update(Math.min(total, done + bytes), requirementName(requirement));
    const wheel = await downloadWheel({ pip, requirement, directory, onBytes, signal });
    done += (await stat(wheel)).size;
    wheels.push(wheel);
    return wheel;
  };
  try {
    const tensorflow = await download(requirement);
    if (build === 'CUDA')
      for (const name of await readNvidiaRequirements(tensorflow)) await download(name);
    progress?.update(total, '');
  } finally {
    progress?.end();
  }
  return wheels;
}

async function readNvidiaRequirements(tensorflow: string): Promise<readonly string[]> {
  return cudaRequirements(await readMetadata(openWheel(tensorflow, 'TensorFlow')));
}

/** The package's name in a requirement: `nvidia-cudnn-cu12` of `nvidia-cudnn-cu12<10.0`. */
function requirementName(requirement: string): string {
  return /^[\w-]+/.exec(requirement)?.[0] ?? requirement;
}

export interface PipDownload extends Omit<PipRun, 'args'> {
  /** pip's requirement: `tensorflow-cpu==2.21.*`. */
  readonly requirement: string;
}

/**
 * Downloads one wheel with pip into an empty directory. @returns Its path. @throws Error with pip's
 * last line.
 */
export async function downloadWheel(download: PipDownload): Promise<string> {
  const { requirement, directory, signal } = download;
  signal?.throwIfAborted();
  const own = await runPipDownload(download, []);
  signal?.throwIfAborted();
  // The libraries do not depend on Python's version: if there is no wheel for this Python, one for
  // another will do.
  const result =
    own === undefined ? own : await runPipDownload(download, ['--python-version', '3.12']);
  signal?.throwIfAborted();
  const wheel =
    result === undefined
      ? (await readdir(directory)).find((name) => name.endsWith('.whl'))
      : undefined;
  if (wheel === undefined)
    throw new Error(
      `kd-engine install: expected pip to download ${requirement}, got: ${own ?? 'no wheel'}`,
    );
  return join(directory, wheel);
}

/** @returns The error, or undefined if it succeeded. */
function runPipDownload(
  { requirement, ...pip }: PipDownload,
  extra: readonly string[],
): Promise<string | undefined> {
  const args = [
    'download',
    '--no-deps',
    '--only-binary=:all:',
    '--progress-bar=off',
    ...extra,
    '--dest',
    pip.directory,
    requirement,
  ];
  return runPip({ ...pip, args });
}
