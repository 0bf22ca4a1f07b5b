import { closeSync, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { ensure, expectedError } from '@kd/core';
import type { ByteSource } from '../source.ts';

/**
 * Creates a byte source over a file on disk. The file is opened for every read and closed after it,
 * so that nothing of it stays open or in memory.
 * @param caller Start of messages: the file's name.
 * @throws RangeError if there is no such file; at a read, if the file has changed since.
 */
export function fileByteSource(path: string, caller: string): ByteSource {
  const first = withFile(path, caller, (_file, stats) => stats);
  return {
    length: first.size,
    fill: (target, start) =>
      withFile(path, caller, (file, stats) => {
        const unchanged =
          stats.size === first.size && stats.mtimeMs === first.mtimeMs && stats.ino === first.ino;
        ensure(
          unchanged,
          caller,
          'the file as it was when its header was read',
          'a changed one',
          'read it again',
        );
        for (let done = 0; done < target.length; ) {
          const got = readSync(file, target, done, target.length - done, start + done);
          ensure(
            got > 0,
            caller,
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
  caller: string,
  use: (file: number, stats: Stats) => Result,
): Result {
  const file = open(path, caller);
  try {
    const stats = fstatSync(file);
    ensure(stats.isFile(), caller, 'a file', 'something else');
    return use(file, stats);
  } finally {
    closeSync(file);
  }
}

function open(path: string, caller: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    throw Object.assign(
      expectedError(caller, 'a file that can be read', (cause as Error).message),
      {
        cause,
      },
    );
  }
}
