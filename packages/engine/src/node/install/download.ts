import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProgressFactory } from '@kd/core';
import { ensureDirectory } from '@kd/files/node';
import type { Build } from '../tensorflow/versions.ts';
import { sizes } from './builds.ts';
import { downloadWheel } from './pip.ts';
import { cudaRequirements } from './requirements.ts';
import { openWheel, readMetadata } from './wheel.ts';

export interface Downloads {
  readonly pip: readonly string[];
  /** Of TensorFlow's wheel. */
  readonly requirement: string;
  readonly build: Build;
  /** Gets a folder for each wheel. */
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
}: Downloads): Promise<readonly string[]> {
  const total = sizes[build].download;
  const progress = createProgress?.('downloading libtensorflow', total, 'B');
  const wheels: string[] = [];
  let done = 0;
  const download = async (wanted: string): Promise<string> => {
    const folder = join(part, `wheel-${wheels.length}`);
    await ensureDirectory(folder);
    const onBytes = (bytes: number): void =>
      progress?.update(Math.min(total, done + bytes), nameOf(wanted));
    const wheel = await downloadWheel({ pip, requirement: wanted, folder, onBytes, signal });
    done += (await stat(wheel)).size;
    wheels.push(wheel);
    return wheel;
  };
  try {
    const tensorflow = await download(requirement);
    if (build === 'CUDA')
      for (const wanted of await nvidiaWheels(tensorflow)) await download(wanted);
    progress?.update(total, '');
  } finally {
    progress?.end();
  }
  return wheels;
}

async function nvidiaWheels(tensorflow: string): Promise<readonly string[]> {
  const wheel = await openWheel(tensorflow, 'TensorFlow');
  try {
    return cudaRequirements(await readMetadata(wheel));
  } finally {
    wheel.zip.file.close();
  }
}

/** Of a requirement: `nvidia-cudnn-cu12<10.0` is `nvidia-cudnn-cu12`. */
function nameOf(requirement: string): string {
  return /^[\w-]+/.exec(requirement)?.[0] ?? requirement;
}
