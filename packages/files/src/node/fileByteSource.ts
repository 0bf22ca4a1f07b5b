import { closeSync, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { ensure, expectedError } from '@kd/core';
import type { ByteSource } from '../byteSource.ts';

/**
 * A file on disk, by range: it is opened for every read and closed after it, so nothing of it stays
 * open or in memory.
 * @param place For messages. @throws RangeError where there is no such file or, at a read, where it
 * has changed since.
 */
export function fileByteSource(path: string, place: string): ByteSource {
  const first = withFile(path, place, (_file, stats) => stats);
  return {
    length: first.size,
    fill: (target, start) =>
      withFile(path, place, (file, stats) => {
        const same =
          stats.size === first.size && stats.mtimeMs === first.mtimeMs && stats.ino === first.ino;
        ensure(
          same,
          place,
          'the file as it was when its tensors were listed',
          'a changed one',
          'read it anew',
        );
        for (let done = 0; done < target.length; ) {
          const got = readSync(file, target, done, target.length - done, start + done);
          ensure(
            got > 0,
            place,
            `${target.length} bytes at byte ${start}`,
            done,
            'the file is cut short',
          );
          done += got;
        }
      }),
  };
}

function withFile<Result>(
  path: string,
  place: string,
  use: (file: number, stats: Stats) => Result,
): Result {
  const file = open(path, place);
  try {
    const stats = fstatSync(file);
    ensure(stats.isFile(), place, 'a file', 'another kind of thing');
    return use(file, stats);
  } finally {
    closeSync(file);
  }
}

function open(path: string, place: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    throw Object.assign(expectedError(place, 'a file that can be read', (cause as Error).message), {
      cause,
    });
  }
}
