import { closeSync, openSync, readSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { ensure, expectedError } from '@kd/core';
import { blockBytes, type ImageRows, memoryRows } from '../../imageRows.ts';
import { pixelHash } from './pixelHash.ts';

/** Largest array of pixels. */
const mostArrayBytes = 2 ** 30;

/** Closes files whose images nobody can read any more. */
const openFiles = new FinalizationRegistry<number>((file) => closeSync(file));

/**
 * Images in a file of rows, read one at a time. Node maps no files: the system keeps in memory what
 * is read often, and an image comes from there in some 25 µs.
 *
 * The file stays open, so that it may be removed while it is used.
 * @param size Bytes of an image.
 */
export function fileRows(path: string, count: number, size: number, hash: string): ImageRows {
  const file = openSync(path, 'r');
  const row = new Uint8Array(size);
  const rows: ImageRows = {
    count,
    read(index) {
      for (let done = 0; done < size; ) {
        const got = readSync(file, row, done, size - done, index * size + done);
        if (got === 0)
          throw expectedError(path, `image ${index} of ${count}`, 'the end of the file');
        done += got;
      }
      return row;
    },
    hash: async () => hash,
  };
  openFiles.register(rows, file);
  return rows;
}

/** Images in arrays of at most 1 GiB. @param arrays Each holds whole images. */
export function arrayRows(arrays: readonly Uint8Array[], size: number, hash: string): ImageRows {
  const perArray = Math.max(1, Math.floor(mostArrayBytes / size));
  const count = arrays.reduce((sum, array) => sum + array.length, 0) / size;
  return {
    count,
    read(index) {
      const at = (index % perArray) * size;
      return (arrays[Math.floor(index / perArray)] as Uint8Array).subarray(at, at + size);
    },
    hash: async () => hash,
  };
}

/** Creates the arrays of `arrayRows`, and writes images into them in order. */
export function createArrays(count: number, size: number): Uint8Array[] {
  const perArray = Math.max(1, Math.floor(mostArrayBytes / size));
  return Array.from(
    { length: Math.ceil(count / perArray) },
    (_, at) => new Uint8Array(Math.min(perArray, count - at * perArray) * size),
  );
}

/** Images that are in memory already. */
export function rowsOfArrays(arrays: readonly Uint8Array[], size: number): ImageRows {
  if (arrays.length === 1) return memoryRows(arrays[0] as Uint8Array, size);
  const hash = pixelHash();
  for (const array of arrays) hash.update(array);
  return arrayRows(arrays, size, hash.digest());
}

/**
 * Reads a whole file of rows into memory, and hashes it on the way.
 * @throws RangeError if its hash is not the expected one.
 */
export async function readRows(
  path: string,
  count: number,
  size: number,
  hash: string,
  signal?: AbortSignal,
): Promise<ImageRows> {
  const arrays = createArrays(count, size);
  const actual = pixelHash();
  const file = await open(path, 'r');
  try {
    let position = 0;
    for (const array of arrays) {
      for (let from = 0; from < array.length; from += blockBytes) {
        signal?.throwIfAborted();
        const part = array.subarray(from, from + blockBytes);
        await fill(file, part, position, path);
        actual.update(part);
        position += part.length;
      }
    }
  } finally {
    await file.close();
  }
  checkHash(path, hash, actual.digest());
  return arrayRows(arrays, size, hash);
}

/** Hashes a file of rows in blocks. @throws RangeError if its hash is not the expected one. */
export async function verifyRows(
  path: string,
  hash: string,
  { signal, update }: { signal?: AbortSignal | undefined; update?: (bytes: number) => void } = {},
): Promise<void> {
  const { size } = await stat(path);
  const actual = pixelHash();
  const file = await open(path, 'r');
  const buffer = new Uint8Array(2 ** 23);
  try {
    for (let position = 0; position < size; position += buffer.length) {
      signal?.throwIfAborted();
      const part = buffer.subarray(0, size - position);
      await fill(file, part, position, path);
      actual.update(part);
      update?.(position + part.length);
    }
  } finally {
    await file.close();
  }
  checkHash(path, hash, actual.digest());
}

function checkHash(path: string, expected: string, actual: string): void {
  const [want, got] = [expected, actual].map((hash) => `${hash.slice(0, 16)}…`);
  ensure(actual === expected, path, `images of sha256 ${want}`, got, 'the file was altered');
}

/** Fills a buffer from a position of a file. */
export async function fill(
  file: Awaited<ReturnType<typeof open>>,
  buffer: Uint8Array,
  position: number,
  path: string,
): Promise<void> {
  for (let done = 0; done < buffer.length; ) {
    const { bytesRead } = await file.read(buffer, done, buffer.length - done, position + done);
    if (bytesRead === 0) throw expectedError(path, `${position + buffer.length} bytes`, 'fewer');
    done += bytesRead;
  }
}
