import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ProgressFactory } from '@kd/core';
import { openWheel, unpackedBytes, unpackWheel, type Wheel } from './wheel.ts';

export interface UnpackOptions {
  readonly createProgress?: ProgressFactory | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Unpacks what is needed of the wheels, TensorFlow's first, and removes each when it is done.
 * TensorFlow's libraries go into `libraries`, NVIDIA's beside it, where
 * TensorFlow's look for them (RUNPATH `$ORIGIN/../nvidia/…/lib`).
 */
export async function unpackWheels(
  paths: readonly string[],
  libraries: string,
  { createProgress, signal }: UnpackOptions,
): Promise<void> {
  const wheels: Wheel[] = [];
  try {
    for (const [index, path] of paths.entries())
      wheels.push(await openWheel(path, index === 0 ? 'TensorFlow' : 'NVIDIA'));
    const progress = createProgress?.('unpacking libtensorflow', unpackedBytes(wheels), 'B');
    let done = 0;
    const onBytes = (count: number): void => {
      done += count;
      progress?.update(done);
    };
    try {
      for (const wheel of wheels) {
        await unpackWheel(wheel, { place: (name) => placeOf(name, libraries), onBytes, signal });
        await rm(wheel.path);
      }
    } finally {
      progress?.end();
    }
  } finally {
    for (const { zip } of wheels) zip.file.close();
  }
}

function placeOf(fileName: string, libraries: string): string {
  return fileName.startsWith('nvidia/')
    ? join(dirname(libraries), fileName)
    : join(libraries, fileName.slice('tensorflow/'.length));
}
