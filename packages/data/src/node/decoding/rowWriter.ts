import { rename, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { ensure } from '@kd/core';
import { formatBytes } from '@kd/core/internal';
import { writeFileAtomic } from '@kd/files/node';
import { blockBytes, wholeBytes } from '../../imageRows.ts';
import type { BrokenImage } from './decodeTask.ts';
import { openForUpdate, type PartialDirectory, readJsonFile } from './partialRows.ts';
import { type PixelHash, pixelHash } from './pixelHash.ts';
import { fill } from './rowFile.ts';

/** How far the writing of rows has come. */
export interface WriteState {
  /** Images that are done, broken ones among them. */
  readonly images: number;
  readonly rows: number;
  /** Hashes of the blocks that the rows fill. */
  readonly digests: readonly string[];
  readonly broken: readonly (BrokenImage & { readonly index: number })[];
  readonly notes: NoteCounts;
}

/** Of each kind of conversion, how many images, and the first. */
export type NoteCounts = Readonly<
  Record<string, { readonly count: number; readonly name: string }>
>;

export const nothingWritten: WriteState = {
  images: 0,
  rows: 0,
  digests: [],
  broken: [],
  notes: {},
};

/** Writes rows in order into a file, so that it can be gone on with after a break. */
export interface RowWriter {
  /** What an earlier process has done. */
  readonly resumed: WriteState;
  append(row: Uint8Array): Promise<void>;
  /** Makes everything so far safe from a break. */
  checkpoint(state: Omit<WriteState, 'rows' | 'digests'>): Promise<void>;
  /** Syncs the rows and renames their file. @returns Number and hash of the rows. */
  commit(target: string): Promise<{ readonly rows: number; readonly hash: string }>;
  /** Closes the file. */
  close(): Promise<void>;
}

const bufferBytes = 2 ** 22;

/**
 * Opens the rows of a partial directory for writing. What lies behind the last checkpoint is
 * cut off.
 * @param size Bytes of a row. @param accept Whether the earlier state is gone on with.
 */
export async function openRowWriter(
  { path: directory }: PartialDirectory,
  size: number,
  accept: (state: WriteState) => Promise<boolean> | boolean = () => true,
): Promise<RowWriter> {
  const rowsPath = path.join(directory, 'rows');
  const statePath = path.join(directory, 'state.json');
  const found = await readState(statePath, rowsPath, size);
  const resumed = (await accept(found)) ? found : nothingWritten;
  const file = await openForUpdate(rowsPath);
  const buffer = new Uint8Array(Math.max(bufferBytes, size));
  let buffered = 0;
  let position = resumed.rows * size;
  let hash: PixelHash;
  try {
    await file.truncate(position);
    hash = await resumeHash();
  } catch (error) {
    await file.close();
    throw error;
  }

  /** Hashes what no whole block has. */
  async function resumeHash(): Promise<PixelHash> {
    const digests = position <= wholeBytes ? [] : resumed.digests;
    const begun = pixelHash(digests);
    for (let from = digests.length * blockBytes; from < position; from += buffer.length) {
      const part = buffer.subarray(0, Math.min(buffer.length, position - from));
      await fill(file, part, from, rowsPath);
      begun.update(part);
    }
    return begun;
  }

  async function flush(): Promise<void> {
    for (let done = 0; done < buffered; ) {
      const { bytesWritten } = await file.write(buffer, done, buffered - done, position + done);
      done += bytesWritten;
    }
    position += buffered;
    buffered = 0;
  }

  return {
    resumed,
    async append(row) {
      if (buffered + row.length > buffer.length) await flush();
      buffer.set(row, buffered);
      buffered += row.length;
      hash.update(row);
    },
    async checkpoint(state) {
      await flush();
      await file.datasync();
      const whole: WriteState = { ...state, rows: position / size, digests: hash.digests };
      await writeFileAtomic(statePath, JSON.stringify(whole));
    },
    async commit(target) {
      await flush();
      await file.sync();
      await file.close();
      await rename(rowsPath, target);
      return { rows: position / size, hash: hash.digest() };
    },
    close: () => file.close().catch(() => {}),
  };
}

async function readState(statePath: string, rowsPath: string, size: number): Promise<WriteState> {
  const state = (await readJsonFile(statePath)) as WriteState | undefined;
  const rows = await stat(rowsPath).catch(() => undefined);
  const isWhole = state !== undefined && rows !== undefined && rows.size >= state.rows * size;
  return isWhole ? state : nothingWritten;
}

/**
 * Tells how much room decoded images take, before they are written.
 * @param written Bytes of it that are there already.
 * @throws RangeError if the disk has less.
 */
export async function checkRoom(
  directory: string,
  bytes: number,
  written: number,
  log: (line: string) => void,
): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  const place = `${directory}, ${formatBytes(free)} free`;
  ensure(
    bytes - written <= free,
    'decodeImages',
    `room for ${formatBytes(bytes - written)} of decoded images`,
    place,
    'make room, or choose another directory (cache, KD_CACHE) or a smaller size',
  );
  const resumed = written > 0 ? `, ${formatBytes(written)} of it from an interrupted run` : '';
  log(`decoded images: ${formatBytes(bytes)} in ${place}${resumed}`);
}
