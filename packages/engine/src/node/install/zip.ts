import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { type Entry, open, type ZipFile } from 'yauzl';

/** A zip archive's files by their names. */
export interface Zip {
  readonly entries: ReadonlyMap<string, Entry>;
  readonly file: ZipFile;
}

/** Opens an archive and reads its directory; `zip.file.close()` when done. */
export function openZip(path: string): Promise<Zip> {
  return new Promise((resolve, reject) => {
    open(path, { lazyEntries: true, autoClose: false }, (error, file) => {
      if (error) return reject(error);
      const entries = new Map<string, Entry>();
      file.on('entry', (entry: Entry) => {
        entries.set(entry.fileName, entry);
        file.readEntry();
      });
      file.on('end', () => resolve({ entries, file }));
      file.on('error', reject);
      file.readEntry();
    });
  });
}

/** A small file of an archive, whole. */
export async function readEntry(zip: Zip, entry: Entry): Promise<Buffer> {
  return buffer(await openEntryStream(zip, entry));
}

export interface UnpackEntryOptions {
  /** Told of every piece. */
  readonly onBytes: (count: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Unpacks one file. @returns Its sha256 in base64url, and its length. */
export async function unpackEntry(
  zip: Zip,
  entry: Entry,
  to: string,
  { onBytes, signal }: UnpackEntryOptions,
): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  const seen = async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const piece of source) {
      hash.update(piece);
      bytes += piece.length;
      onBytes(piece.length);
      yield piece;
    }
  };
  await pipeline(await openEntryStream(zip, entry), seen, createWriteStream(to), {
    ...(signal && { signal }),
  });
  return { sha256: hash.digest('base64url'), bytes };
}

function openEntryStream(zip: Zip, entry: Entry): Promise<Readable> {
  return new Promise((resolve, reject) => {
    zip.file.openReadStream(entry, (error, stream) => (error ? reject(error) : resolve(stream)));
  });
}
