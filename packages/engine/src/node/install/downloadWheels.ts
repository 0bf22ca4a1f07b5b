import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProgressFactory } from '@kd/core';
import { ensureDirectory, type PipRun, runPip } from '@kd/files/node';
import type { Build } from '../library/libraryFiles.ts';
import { openWheel, readMetadata } from './unpackWheels.ts';
import { cudaRequirements, wheelSizes } from './wheelPackages.ts';

export interface WheelDownloads {
  readonly pip: readonly string[];
  /** Of TensorFlow's wheel. */
  readonly requirement: string;
  readonly build: Build;
  /** Gets a directory for each wheel. */
  readonly part: string;
  readonly createProgress?: ProgressFactory | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Downloads TensorFlow's wheel, and for the CUDA build those of NVIDIA that it names.
 * One after the other: pip keeps up to three copies of what it loads, and one call for all would
 * need that room for all.
 * @returns Their paths, TensorFlow's first.
 */
export async function downloadWheels({
  pip,
  requirement,
  build,
  part,
  createProgress,
  signal,
}: WheelDownloads): Promise<readonly string[]> {
  const total = wheelSizes[build].download;
  const progress = createProgress?.('downloading libtensorflow', total, 'B');
  const wheels: string[] = [];
  let done = 0;
  const download = async (wanted: string): Promise<string> => {
    const directory = join(part, `wheel-${wheels.length}`);
    await ensureDirectory(directory);
    const onBytes = (bytes: number): void =>
      progress?.update(Math.min(total, done + bytes), requirementName(wanted));
    const wheel = await downloadWheel({ pip, requirement: wanted, directory, onBytes, signal });
    done += (await stat(wheel)).size;
    wheels.push(wheel);
    return wheel;
  };
  try {
    const tensorflow = await download(requirement);
    if (build === 'CUDA')
      for (const wanted of await readNvidiaRequirements(tensorflow)) await download(wanted);
    progress?.update(total, '');
  } finally {
    progress?.end();
  }
  return wheels;
}

async function readNvidiaRequirements(tensorflow: string): Promise<readonly string[]> {
  const wheel = await openWheel(tensorflow, 'TensorFlow');
  try {
    return cudaRequirements(await readMetadata(wheel));
  } finally {
    wheel.zip.file.close();
  }
}

/** Of a requirement: `nvidia-cudnn-cu12<10.0` is `nvidia-cudnn-cu12`. */
function requirementName(requirement: string): string {
  return /^[\w-]+/.exec(requirement)?.[0] ?? requirement;
}

export interface PipDownload extends Omit<PipRun, 'args'> {
  /** `tensorflow-cpu==2.21.*`. */
  readonly requirement: string;
}

/**
 * Downloads one wheel with pip, into a directory that is empty. @returns Its path. @throws Error with
 * pip's last words.
 */
export async function downloadWheel(download: PipDownload): Promise<string> {
  const { requirement, directory, signal } = download;
  signal?.throwIfAborted();
  const own = await runPipDownload(download, []);
  signal?.throwIfAborted();
  // The libraries do not care for Python's version: where this Python is too new or too old for the
  // wheels, another's wheel does.
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

/** @returns Why it failed, or undefined where it did not. */
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
