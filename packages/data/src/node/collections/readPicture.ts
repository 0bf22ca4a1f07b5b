import { closeSync, openSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** Bytes of files that are read at once: asking a thread for them takes longer than reading. */
const smallBytes = 2 ** 16;

/** Milliseconds above which a read has waited for a disk or a network. */
const waited = 0.5;

/** Reads that are left to threads after one that waited. */
const patience = 200;

/**
 * Returns a function that reads picture files. Small ones are read at once, which is five times as
 * fast where the system has them in memory; as soon as a read waits, the next ones go to threads,
 * which wait for several files at a time.
 * @param now A clock, in milliseconds.
 */
export function pictureReader(
  now = () => performance.now(),
): (file: string, size: number) => Promise<Uint8Array<ArrayBuffer>> {
  let threaded = 0;
  return async (file, size) => {
    if (size <= smallBytes && threaded === 0) {
      const start = now();
      const bytes = readAtOnce(file, size);
      if (now() - start > waited) threaded = patience;
      // A file that has changed meanwhile is read as it is now.
      if (bytes !== undefined) return bytes;
    } else if (threaded > 0) threaded--;
    const { buffer, byteOffset, byteLength } = await readFile(file);
    return new Uint8Array(buffer, byteOffset, byteLength);
  };
}

/** @returns undefined where the file has another length than it had. */
function readAtOnce(file: string, size: number): Uint8Array<ArrayBuffer> | undefined {
  // A byte more shows whether the file has grown.
  const bytes = new Uint8Array(size + 1);
  const handle = openSync(file, 'r');
  try {
    return readSync(handle, bytes) === size ? bytes.subarray(0, size) : undefined;
  } finally {
    closeSync(handle);
  }
}
