import type { ImageSplit } from '../collections/imageCollection.ts';
import type { DecodePool } from './decodePool.ts';
import type { DecodeOutcome, NamedImage } from './decodeTask.ts';
import { shortReason } from './decodeTask.ts';

/** What became of one image. */
export interface DecodedRow {
  readonly index: number;
  readonly outcome: DecodeOutcome;
}

/** Bytes of pixels that a thread gets at a time: small images many, large ones one. */
const taskBytes = 2 ** 18;

/**
 * Reads and decodes the images of a split from `from` on, and yields them in order. At most twice as
 * many tasks are under way as keep the threads busy, of one image each, or of 256 kB of pixels:
 * memory stays bounded.
 * @param rowBytes Bytes of a decoded image, roughly.
 */
export async function* decodeInOrder(
  split: ImageSplit,
  from: number,
  rowBytes: number,
  pool: DecodePool,
  signal?: AbortSignal,
): AsyncGenerator<DecodedRow, void, undefined> {
  const perTask = Math.min(64, Math.max(1, Math.floor(taskBytes / rowBytes)));
  const underWay: Promise<readonly DecodedRow[]>[] = [];
  let next = from;
  const start = () => {
    const indices = Array.from(
      { length: Math.min(perTask, split.count - next) },
      (_, at) => next + at,
    );
    next += indices.length;
    const task = decodeIndices(split, indices, pool);
    // It is awaited in its turn; until then a failure is nobody's.
    task.catch(() => {});
    underWay.push(task);
  };
  while (next < split.count || underWay.length > 0) {
    signal?.throwIfAborted();
    while (next < split.count && underWay.length < 2 * pool.tasks) start();
    yield* await (underWay.shift() as Promise<readonly DecodedRow[]>);
  }
}

/** Decodes some images of a split together. */
export async function decodeIndices(
  split: ImageSplit,
  indices: readonly number[],
  pool: DecodePool,
): Promise<readonly DecodedRow[]> {
  const images = await Promise.all(indices.map((index) => readImage(split, index)));
  const outcomes = await pool.decode(images);
  return outcomes.map((outcome, at) => ({ index: indices[at] as number, outcome }));
}

/** Reads an image; where that fails, there is the reason in its place. */
export async function readImage(split: ImageSplit, index: number): Promise<NamedImage> {
  const name = split.nameOf(index);
  try {
    return { name, stored: await split.read(index) };
  } catch (error) {
    return { name, reason: shortReason((error as Error).message) };
  }
}
