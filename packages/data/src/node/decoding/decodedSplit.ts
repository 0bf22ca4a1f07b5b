import { createHash } from 'node:crypto';
import { ensure, expectedError, type ProgressFactory } from '@kd/core';
import { formatInteger } from '@kd/core/internal';
import type { ImageRows } from '../../imageRows.ts';
import type { ImageSplit } from '../collections/imageCollection.ts';
import { type DecodedRow, decodeIndices, decodeInOrder } from './decodeInOrder.ts';
import type { DecodePool } from './decodePool.ts';
import { describePreparation, type Preparation } from './prepareImage.ts';
import {
  type CacheOptions,
  claimOrWait,
  findRows,
  openRows,
  type RowsInfo,
  rowsFormat,
  rowsPath,
  writeInfo,
} from './rowCache.ts';
import { createArrays, rowsOfArrays } from './rowFile.ts';
import { checkRoom, openRowWriter, type WriteState } from './rowWriter.ts';

/** A split to be decoded. */
export interface SplitJob {
  readonly split: ImageSplit;
  /** Source and name of the split, for people. */
  readonly about: string;
  readonly shape: readonly [height: number, width: number, channels: number];
  /** Name of the image that has given the shape. */
  readonly firstName: string;
  /** What decodes the images, with its version. */
  readonly decoder: string;
  readonly preparation: Preparation;
  readonly skipBroken: boolean;
  /** Whether the pixels are kept in memory. */
  readonly inMemory: boolean;
  /** Directory of decoded images. */
  readonly directory: string;
  readonly pool: DecodePool;
  /** Called when images are done. */
  onImage(images?: number): void;
  readonly log: (line: string) => void;
  readonly createProgress?: ProgressFactory | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A split whose images are decoded. */
export interface DecodedSplit {
  readonly rows: ImageRows;
  /** [rows]. */
  readonly labels: Int32Array;
  readonly broken: RowsInfo['broken'];
  /** Lines for people about what was converted. */
  readonly notes: readonly string[];
}

/** A split with images that cannot be decoded, which is an error. */
export interface BrokenSplit {
  readonly rows?: never;
  readonly broken: RowsInfo['broken'];
}

/** Decodes a split into memory, and leaves nothing on the disk. */
export async function memorySplit(job: SplitJob): Promise<DecodedSplit | BrokenSplit> {
  const { split, pool, signal } = job;
  const size = rowBytes(job);
  const arrays = createArrays(split.count, size);
  const tally = startTally(job);
  let rows = 0;
  for await (const row of decodeInOrder(split, 0, size, pool, signal)) {
    const pixels = tally.add(row);
    if (pixels === undefined) continue;
    const perArray = (arrays[0] as Uint8Array).length / size;
    arrays[Math.floor(rows / perArray)]?.set(pixels, (rows % perArray) * size);
    rows++;
  }
  const { broken, notes } = tally.state();
  if (broken.length > 0 && !job.skipBroken) return { broken };
  ensureSome(job, rows);
  return finish(job, rowsOfArrays(shorten(arrays, rows * size), size), { broken, notes });
}

/** Cuts what broken images have left free off the last arrays. */
function shorten(arrays: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let left = bytes;
  return arrays.flatMap((array) => {
    const part = array.subarray(0, left);
    left -= part.length;
    return part.length > 0 ? [part] : [];
  });
}

/** Opens the decoded images of a split, and decodes them first where that was never done. */
export async function cachedSplit(job: SplitJob): Promise<DecodedSplit | BrokenSplit> {
  const { directory, log, createProgress, signal } = job;
  const options = { directory, key: keyOf(job), log, createProgress, signal };
  while (true) {
    const info = (await findRows(options)) ?? (await decodeToFile(job, options));
    if (info.rows === undefined) return info;
    if (info.broken.length > 0 && !job.skipBroken) return { broken: info.broken };
    ensureSome(job, info.rows);
    const rows = await openRows(info, job.inMemory, options);
    if (rows !== undefined) return finish(job, rows, info);
  }
}

/** @returns What was written, or what keeps it from being written to its end. */
async function decodeToFile(job: SplitJob, options: CacheOptions): Promise<RowsInfo | BrokenSplit> {
  const { split, pool, signal, skipBroken, shape } = job;
  const size = rowBytes(job);
  const claim = await claimOrWait(options);
  if ('info' in claim) return claim.info;
  const { partial } = claim;
  let isDone = false;
  try {
    const writer = await openRowWriter(partial, size, async ({ broken }) => {
      // What was broken may have been mended: then its row is missing in the middle.
      const again = await decodeIndices(
        split,
        broken.map(({ index }) => index),
        pool,
      );
      return again.every(({ outcome }) => 'reason' in outcome);
    });
    try {
      const { resumed } = writer;
      await checkRoom(options.directory, split.count * size, resumed.rows * size, options.log);
      const tally = startTally(job, resumed);
      let sinceCheckpoint = 0;
      try {
        for await (const row of decodeInOrder(split, resumed.images, size, pool, signal)) {
          const pixels = tally.add(row);
          if (pixels === undefined) continue;
          await writer.append(pixels);
          sinceCheckpoint += size;
          if (sinceCheckpoint < checkpointBytes) continue;
          await writer.checkpoint(tally.state());
          sinceCheckpoint = 0;
        }
      } catch (error) {
        await writer.checkpoint(tally.state()).catch(() => {});
        throw error;
      }
      const { broken, notes } = tally.state();
      if (broken.length > 0 && !skipBroken) {
        await writer.checkpoint(tally.state());
        return { broken };
      }
      const { rows, hash } = await writer.commit(rowsPath(options));
      const about = `${job.about}; ${describePreparation(job.preparation)}`;
      const info = { format: rowsFormat, rows, shape, hash, broken, notes, about } as const;
      const written = await writeInfo(info, options);
      isDone = true;
      return written;
    } finally {
      await writer.close();
    }
  } finally {
    await (isDone ? partial.remove() : partial.release());
  }
}

const checkpointBytes = 2 ** 27;

function rowBytes({ shape }: SplitJob): number {
  return shape[0] * shape[1] * shape[2];
}

/** sha256 of everything that decides the rows. */
function keyOf({ split, preparation, decoder, shape }: SplitJob): string {
  const parts = [rowsFormat, split.version, describePreparation(preparation), decoder, shape];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

/** Counts what became of images. */
function startTally(
  job: SplitJob,
  { images: before, broken: brokenBefore, notes: notesBefore }: Partial<WriteState> = {},
) {
  const { split, shape, onImage } = job;
  const broken = [...(brokenBefore ?? [])];
  const notes: Record<string, { count: number; name: string }> = structuredClone({
    ...notesBefore,
  });
  let images = before ?? 0;
  if (images > 0) onImage(images);
  return {
    state: () => ({ images, broken, notes }),
    /** @returns The pixels, or undefined for a broken image. */
    add({ index, outcome }: DecodedRow): Uint8Array | undefined {
      if ('reason' in outcome) {
        broken.push({ index, ...outcome });
      } else {
        if (outcome.shape.some((side, at) => side !== shape[at]))
          throw unequalShapes(job, index, outcome.shape);
        for (const note of outcome.notes) {
          notes[note] ??= { count: 0, name: split.nameOf(index) };
          notes[note].count++;
        }
      }
      images++;
      onImage();
      return 'reason' in outcome ? undefined : outcome.pixels;
    },
  };
}

function unequalShapes(
  { about, split, shape: first, firstName, preparation }: SplitJob,
  index: number,
  shape: readonly number[],
): RangeError {
  const show = (sides: readonly number[]) => sides.slice(0, 2).join(' × ');
  return expectedError(
    `decodeImages '${about}'`,
    `images of one size, height × width ${show(first)} as ${firstName}`,
    `${show(shape)} in ${split.nameOf(index)}`,
    `give a size, to which all are resized (size: ${preparation.channels === 3 ? 224 : 28}, --size)`,
  );
}

function finish(
  job: SplitJob,
  rows: ImageRows,
  { broken, notes }: Pick<RowsInfo, 'broken' | 'notes'>,
): DecodedSplit {
  const { split } = job;
  const out = new Set(broken.map(({ index }) => index));
  return {
    rows,
    labels: split.labels.filter((_, index) => !out.has(index)),
    broken,
    notes: Object.entries(notes).map(
      ([note, { count, name }]) =>
        `${formatInteger(count)} ${count === 1 ? 'image' : 'images'}: ${note} (${name})`,
    ),
  };
}

function ensureSome({ about, split }: SplitJob, rows: number): void {
  const expected = 'an image that can be decoded';
  ensure(rows > 0, `decodeImages '${about}'`, expected, `none of ${split.count}`);
}
