import { rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProgressFactory } from '@kd/core';
import { writeFileAtomic } from '@kd/files/node';
import type { ImageRows } from '../../imageRows.ts';
import type { BrokenImage } from './decodeTask.ts';
import { claimPartial, type PartialDirectory, readJsonFile } from './partialRows.ts';
import { fileRows, readRows, verifyRows } from './rowFile.ts';
import type { NoteCounts } from './rowWriter.ts';

/**
 * What is known of a file of rows, in `<key>.json` beside `<key>.rows`. The file is whole where this
 * is there: it is written last.
 */
export interface RowsInfo {
  readonly format: typeof rowsFormat;
  readonly rows: number;
  readonly shape: readonly [height: number, width: number, channels: number];
  /** As `hashPixels` computes it. */
  readonly hash: string;
  readonly broken: readonly (BrokenImage & { readonly index: number })[];
  readonly notes: NoteCounts;
  /** Size and time of the file whose hash was seen to be right. */
  readonly checked: string;
  /** For people who look into the directory. */
  readonly about: string;
}

export const rowsFormat = 'kd-rows/1';

export interface CacheOptions {
  readonly directory: string;
  readonly key: string;
  readonly log: (line: string) => void;
  readonly createProgress?: ProgressFactory | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Path of the rows of a key. */
export function rowsPath({ directory, key }: CacheOptions): string {
  return path.join(directory, `${key}.rows`);
}

function infoPath({ directory, key }: CacheOptions): string {
  return path.join(directory, `${key}.json`);
}

/**
 * Reads what is known of the rows of a key. A file that does not fit is reported and removed.
 * @returns undefined if there are no whole rows.
 */
export async function findRows(options: CacheOptions): Promise<RowsInfo | undefined> {
  const info = (await readJsonFile(infoPath(options))) as RowsInfo | undefined;
  if (info === undefined) return undefined;
  const file = await stat(rowsPath(options)).catch(() => undefined);
  const bytes = info.rows * info.shape.reduce((product, side) => product * side, 1);
  if (info.format === rowsFormat && file?.size === bytes) return info;
  options.log(`${rowsPath(options)} is not whole: the images are decoded again.`);
  await removeRows(options);
  return undefined;
}

async function removeRows(options: CacheOptions): Promise<void> {
  await rm(infoPath(options), { force: true });
  await rm(rowsPath(options), { force: true });
}

/**
 * Opens rows in memory or in their file. Those in memory are hashed at every start; those in a file
 * once, and again when the file's time has changed.
 * @returns undefined if they were damaged; then they are reported and removed.
 */
export async function openRows(
  info: RowsInfo,
  inMemory: boolean,
  options: CacheOptions,
): Promise<ImageRows | undefined> {
  const { log, signal, createProgress } = options;
  const file = rowsPath(options);
  const size = info.shape[0] * info.shape[1] * info.shape[2];
  try {
    if (inMemory) return await readRows(file, info.rows, size, info.hash, signal);
    if ((await describeFile(file)) !== info.checked) {
      const progress = createProgress?.('check images', info.rows * size, 'B');
      try {
        await verifyRows(file, info.hash, {
          signal,
          update: (bytes) => progress?.update(bytes),
        });
      } finally {
        progress?.end();
      }
      await writeInfo(info, options).catch(() => {});
    }
    return fileRows(file, info.rows, size, info.hash);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    log(`${error.message} The images are decoded again.`);
    await removeRows(options);
    return undefined;
  }
}

/** Writes what is known of rows whose hash is right. */
export async function writeInfo(
  info: Omit<RowsInfo, 'checked'>,
  options: CacheOptions,
): Promise<RowsInfo> {
  const whole = { ...info, checked: await describeFile(rowsPath(options)) };
  await writeFileAtomic(infoPath(options), `${JSON.stringify(whole, null, 1)}\n`);
  return whole;
}

async function describeFile(file: string): Promise<string> {
  const { size, mtimeMs, ino } = await stat(file);
  return `${size} ${mtimeMs} ${ino}`;
}

const pollMs = 300;

/**
 * Waits for the turn to write the rows of a key.
 * @returns The directory to write them in, or what another process has written meanwhile.
 */
export async function claimOrWait(
  options: CacheOptions,
): Promise<{ readonly partial: PartialDirectory } | { readonly info: RowsInfo }> {
  let isTold = false;
  while (true) {
    options.signal?.throwIfAborted();
    const claim = await claimPartial(options.directory, options.key);
    if ('path' in claim) {
      const info = await findRows(options);
      if (info === undefined) return { partial: claim };
      await claim.remove();
      return { info };
    }
    if (!isTold)
      options.log(`process ${claim.heldBy} decodes these images already: waiting for it`);
    isTold = true;
    await sleep(pollMs);
    const info = await findRows(options);
    if (info !== undefined) return { info };
  }
}
