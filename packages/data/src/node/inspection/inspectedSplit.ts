import { setImmediate } from 'node:timers/promises';
import { shortReason } from '../decoding/decodeTask.ts';
import type { ImageSize, SplitName } from './imageInspection.ts';
import type { AnyPixels } from './measureImage.ts';

/** A split that can be inspected: of a collection, or a dataset. */
export interface InspectedSplit {
  readonly split: SplitName;
  /** Number of images. */
  readonly count: number;
  /** Label of an image, −1 for none. */
  labelOf(index: number): number;
  nameOf(index: number): string;
  /** Reads an image without decoding it. @throws RangeError where it is broken. */
  open(index: number): Promise<OpenedImage>;
}

/** An image of which the header is known. */
export interface OpenedImage extends ImageSize {
  /** Kind of file: `PNG, RGB, 8 bits`. */
  readonly format: string;
  /** @throws RangeError where the rest is broken. */
  decode(): Promise<AnyPixels & { readonly notes: readonly string[] }>;
}

/** Describes images that are stored as pixels, as other kinds of files are described. */
export function pixelFormat(channels: number): string {
  const kind = channels === 1 ? 'gray' : channels === 3 ? 'RGB' : `${channels} channels`;
  return `pixels, ${kind}, 8 bits`;
}

/** An image that has been seen, or why it could not be. */
export type Seen<Result> = { readonly index: number } & (
  | {
      readonly size: ImageSize;
      readonly format: string;
      readonly notes: readonly string[];
      readonly result: Result;
    }
  | { readonly reason: string }
);

/** Images that are read ahead, and images that are decoded at a time. */
const ahead = 24;
const atATime = 32;

/** Bytes of pixels that are decoded at a time, unless one image is larger. */
const bytesAtATime = 2 ** 28;

/**
 * Reads and decodes images and yields what is made of each, in order. Memory is that of the images
 * which are decoded at a time.
 * @param use Takes what is needed from the pixels, which are dropped then.
 */
export async function* seeImages<Result>(
  split: InspectedSplit,
  indices: ArrayLike<number>,
  use: (image: AnyPixels, index: number) => Result,
  signal?: AbortSignal,
): AsyncGenerator<Seen<Result>, void, undefined> {
  const opened: { readonly index: number; readonly image: Promise<OpenedImage | Error> }[] = [];
  const decoding: { readonly bytes: number; readonly seen: Promise<Seen<Result>> }[] = [];
  let bytes = 0;
  const takeOldest = () => {
    const oldest = decoding.shift() as (typeof decoding)[number];
    bytes -= oldest.bytes;
    return oldest.seen;
  };
  for (let next = 0; opened.length > 0 || next < indices.length; ) {
    signal?.throwIfAborted();
    while (next < indices.length && opened.length < ahead) {
      const index = indices[next++] as number;
      opened.push({ index, image: asBroken(() => split.open(index)) });
    }
    const { index, image } = opened.shift() as (typeof opened)[number];
    const header = await image;
    const size = header instanceof Error ? 0 : 3 * header.height * header.width;
    while (decoding.length >= atATime || (decoding.length > 0 && bytes + size > bytesAtATime))
      yield await takeOldest();
    bytes += size;
    const seen = seeImage(index, header, use);
    // It is awaited in its turn; until then a failure is nobody's.
    seen.catch(() => {});
    decoding.push({ bytes: size, seen });
    // Datasets in memory never wait for anything: Ctrl-C and the progress line need their turn.
    if (next % 64 === 0) await setImmediate();
  }
  while (decoding.length > 0) yield await takeOldest();
}

async function seeImage<Result>(
  index: number,
  header: OpenedImage | Error,
  use: (image: AnyPixels, index: number) => Result,
): Promise<Seen<Result>> {
  if (header instanceof Error) return { index, reason: shortReason(header.message) };
  const decoded = await asBroken(() => header.decode());
  if (decoded instanceof Error) return { index, reason: shortReason(decoded.message) };
  const { format, height, width } = header;
  const { notes } = decoded;
  return { index, size: { height, width }, format, notes, result: use(decoded, index) };
}

/** Returns the error of a broken image; others, of the program or the system, are thrown. */
async function asBroken<Value>(run: () => Promise<Value>): Promise<Value | Error> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof RangeError || isFileError(error)) return error as Error;
    throw error;
  }
}

function isFileError(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return ['ENOENT', 'EACCES', 'EPERM', 'EIO', 'EISDIR', 'ELOOP'].includes(code ?? '');
}
