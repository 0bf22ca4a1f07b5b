import { availableParallelism } from 'node:os';
import path from 'node:path';
import { ensure, expectedError, type Progress, type ProgressFactory } from '@kd/core';
import { formatInteger } from '@kd/core/internal';
import { cacheDirectory } from '@kd/files/node';
import { type ImageDataset, imageDataset } from '../../imageDataset.ts';
import { type PixelRecipe, pixelRecipes } from '../../pixels/recipes.ts';
import type { ImageCollection, ImageSplit } from '../collections/imageCollection.ts';
import {
  type BrokenSplit,
  cachedSplit,
  type DecodedSplit,
  memorySplit,
  type SplitJob,
} from './decodedSplit.ts';
import { readImage } from './decodeInOrder.ts';
import { type DecodePool, startDecodePool } from './decodePool.ts';
import { type BrokenImage, type DecodeOutcome, prepareAll } from './decodeTask.ts';
import { describePreparation, type Preparation } from './prepareImage.ts';
import { loadSharp } from './probeImage.ts';

/** Options of `decodeImages`. */
export interface DecodeOptions {
  /**
   * Side of the squares in pixels, resized and cropped by the recipe; `asGiven` (the default):
   * images keep their shape, which must be one for all.
   */
  readonly size?: number | 'asGiven';
  /** How images are resized and cropped; `pixelRecipes.torchvision` by default. */
  readonly recipe?: PixelRecipe;
  /** 3 (the default): red, green, blue; 1: gray. */
  readonly channels?: 1 | 3;
  /** Whether images that cannot be decoded are left out; false: they are an error. */
  readonly skipBroken?: boolean;
  /** Directory whose `images` holds decoded images; `cacheDirectory()` of @kd/files/node. */
  readonly cache?: string;
  /** Bytes of decoded images that are kept in memory, 2³⁰ by default; others are read by row. */
  readonly memoryBytes?: number;
  /** Threads that decode; as many as there are cores, none for a few images. */
  readonly workers?: number;
  readonly createProgress?: ProgressFactory;
  /** Called with one-line messages for people; standard error by default. */
  readonly log?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** Images of one's own, ready to be trained on. */
export interface LoadedImages {
  readonly train: ImageDataset;
  readonly validation?: ImageDataset;
  readonly test?: ImageDataset;
  /** The path or address as it was given. */
  readonly source: string;
  /** Everything that decided the pixels besides the files. */
  readonly preparation: string;
  /** Lines for people about what is unusual but allowed. */
  readonly warnings: readonly string[];
  /** Images that were left out. */
  readonly broken: readonly BrokenImage[];
}

/** Fewer images than this are decoded before threads have started. */
const fewImages = 128;

/**
 * Decodes all images of a collection, once: rows of equal length go into a file under
 * `<cache>/images`, which later calls open. A decoding that was interrupted is gone on with; two
 * processes do not decode the same images twice.
 *
 * Up to `memoryBytes` of pixels are kept in memory, smallest splits first; the others are read from
 * the file by row. Memory while decoding: the files and pixels of some six images for each thread.
 * @throws RangeError in one line: images that cannot be decoded, all at once, with the first by name
 * (see `skipBroken`); images of unequal shape, if no size is given; too little room on the disk.
 */
export async function decodeImages(
  collection: ImageCollection,
  options: DecodeOptions = {},
): Promise<LoadedImages> {
  const { size = 'asGiven', recipe = pixelRecipes.torchvision, channels = 3 } = options;
  const { memoryBytes = 2 ** 30, skipBroken = false, createProgress, signal } = options;
  const { log = (line: string) => process.stderr.write(`${line}\n`) } = options;
  checkOptions({ size, channels, memoryBytes, workers: options.workers });
  signal?.throwIfAborted();
  const preparation: Preparation = { size, recipe, channels };
  const splits = Object.entries(collection.splits) as [SplitName, ImageSplit][];
  const count = splits.reduce((sum, [, split]) => sum + split.count, 0);
  const first = await readFirst(collection, preparation);
  const bytes = first.shape.reduce((product, side) => product * side, 1);
  const workers = options.workers ?? (count < fewImages || first.isDecoded ? 0 : threadCount());
  const pool = lazyPool(workers, preparation);
  const progress = lazyProgress(createProgress, count);
  const places = placesInMemory(splits, bytes, memoryBytes);
  const found: Partial<Record<SplitName, DecodedSplit | BrokenSplit>> = {};
  try {
    for (const [name, split] of splits) {
      const job: SplitJob = {
        split,
        about: `${collection.source}, ${name}`,
        shape: first.shape,
        firstName: first.name,
        decoder: first.decoder,
        preparation,
        skipBroken,
        inMemory: places.has(name),
        directory: path.join(options.cache ?? cacheDirectory(), 'images'),
        pool,
        onImage: progress.next,
        log,
        createProgress,
        signal,
      };
      found[name] =
        first.isDecoded && size === 'asGiven' && places.has(name)
          ? await memorySplit(job)
          : await cachedSplit(job);
    }
  } finally {
    progress.end();
    await pool.close();
  }
  const broken = splits.flatMap(([name]) => found[name]?.broken ?? []);
  if (broken.length > 0 && !skipBroken) throw brokenImages(collection.source, broken, count);
  return assemble(
    collection,
    found as Partial<Record<SplitName, DecodedSplit>>,
    preparation,
    first,
  );
}

type SplitName = 'train' | 'validation' | 'test';

function checkOptions({
  size,
  channels,
  memoryBytes,
  workers = 0,
}: Required<Pick<DecodeOptions, 'size' | 'channels' | 'memoryBytes'>> & {
  readonly workers: number | undefined;
}): void {
  const caller = 'decodeImages';
  const isSize = size === 'asGiven' || (Number.isInteger(size) && size >= 1 && size <= 8192);
  ensure(isSize, caller, "size 1 to 8192 in pixels, or 'asGiven'", size);
  ensure(channels === 1 || channels === 3, caller, 'channels 1 or 3', channels);
  ensure(memoryBytes >= 0, caller, 'memoryBytes ≥ 0', memoryBytes);
  const isCount = Number.isInteger(workers) && workers >= 0 && workers <= 256;
  ensure(isCount, caller, 'workers from 0 to 256', workers);
}

/**
 * With two cores the decoder's own threads keep one busy and this thread, which resizes, the other:
 * more of them take a third longer (bench/README.md, images).
 */
function threadCount(): number {
  const cores = availableParallelism();
  return cores <= 2 ? 0 : Math.min(cores, 16);
}

interface FirstImage {
  readonly name: string;
  readonly shape: readonly [number, number, number];
  /** Whether images are stored as pixels. */
  readonly isDecoded: boolean;
  /** What decodes them, with its version. */
  readonly decoder: string;
}

/** Looks for an image that can be decoded: its shape is that of all. */
async function readFirst(
  { source, splits }: ImageCollection,
  preparation: Preparation,
): Promise<FirstImage> {
  const { size, channels } = preparation;
  const split = splits.train;
  ensure(split.count > 0, `decodeImages '${source}'`, 'images for training', 'none');
  const first = await readImage(split, 0);
  const isDecoded = 'stored' in first && 'pixels' in first.stored;
  const decoder = isDecoded ? 'none' : await describeDecoder();
  if (size !== 'asGiven')
    return { name: first.name, shape: [size, size, channels], isDecoded, decoder };
  const broken: BrokenImage[] = [];
  for (let index = 0; index < split.count; index++) {
    const image = index === 0 ? first : await readImage(split, index);
    const [outcome] = (await prepareAll([image], preparation)) as [DecodeOutcome];
    if ('pixels' in outcome) return { name: image.name, shape: outcome.shape, isDecoded, decoder };
    broken.push(outcome);
  }
  throw brokenImages(source, broken, split.count);
}

/** Loads the decoder, so that its absence is no fault of an image. */
async function describeDecoder(): Promise<string> {
  const { versions } = (await loadSharp('decodeImages')) as {
    readonly versions?: Readonly<Record<string, string>>;
  };
  return `sharp ${versions?.sharp}, vips ${versions?.vips}`;
}

/** Starts threads once they are needed. */
function lazyPool(workers: number, preparation: Preparation): DecodePool {
  let pool: DecodePool | undefined;
  const started = () => {
    pool ??= startDecodePool(workers, preparation);
    return pool;
  };
  return {
    get tasks() {
      return started().tasks;
    },
    decode: (images) => started().decode(images),
    close: async () => pool?.close(),
  };
}

function lazyProgress(createProgress: ProgressFactory | undefined, count: number) {
  let progress: Progress | undefined;
  let done = 0;
  return {
    /** @param images Images that are done, or were by an earlier process. */
    next(images = 1) {
      progress ??= createProgress?.('decode images', count, 'images');
      done += images;
      progress?.update(done);
    },
    end: () => progress?.end(),
  };
}

/** Chooses the splits that are kept in memory, smallest first. */
function placesInMemory(
  splits: readonly (readonly [SplitName, ImageSplit])[],
  bytes: number,
  memoryBytes: number,
): ReadonlySet<SplitName> {
  const chosen = new Set<SplitName>();
  let left = memoryBytes;
  for (const [name, { count }] of [...splits].sort(([, a], [, b]) => a.count - b.count)) {
    left -= count * bytes;
    if (left < 0) break;
    chosen.add(name);
  }
  return chosen;
}

function brokenImages(source: string, broken: readonly BrokenImage[], count: number): RangeError {
  const shown = broken.slice(0, 3).map(({ name, reason }) => `${name} (${reason})`);
  const rest = broken.length - shown.length;
  const list = [...shown, ...(rest > 0 ? [`${formatInteger(rest)} others`] : [])].join(', ');
  return expectedError(
    `decodeImages '${source}'`,
    'images that can be decoded',
    `${formatInteger(broken.length)} of ${formatInteger(count)} that cannot: ${list}`,
    'mend or remove them, or leave them out with skipBroken: true (--skip-broken)',
  );
}

function assemble(
  collection: ImageCollection,
  found: Partial<Record<SplitName, DecodedSplit>>,
  preparation: Preparation,
  { shape: imageShape }: FirstImage,
): LoadedImages {
  const base = path.parse(collection.source.replace(/[/\\]+$/, '')).name || collection.source;
  const names = Object.keys(found) as SplitName[];
  const dataset = (name: SplitName): ImageDataset => {
    const { rows, labels } = found[name] as DecodedSplit;
    const { classNames } = collection;
    return imageDataset({ name: `${base} ${name}`, pixels: rows, labels, imageShape, classNames });
  };
  const broken = names.flatMap((name) => found[name]?.broken ?? []);
  const notes = names.flatMap((name) => found[name]?.notes ?? []);
  return {
    train: dataset('train'),
    ...(found.validation !== undefined && { validation: dataset('validation') }),
    ...(found.test !== undefined && { test: dataset('test') }),
    source: collection.source,
    preparation: describePreparation(preparation),
    warnings: [...collection.warnings, ...notes],
    broken,
  };
}
