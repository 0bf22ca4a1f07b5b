import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { ensure, expectedError } from '@kd/core';
import { type ByteSource, zipEntries } from '@kd/files';
import { fileByteSource, hashBytes } from '@kd/files/node';
import { groupArrays, hasUsualName, type SplitArrays } from './arrayNames.ts';
import { type ByteAccess, rangeAccess, streamAccess } from './byteAccess.ts';
import { numberClasses, type RawLabels } from './columnLabels.ts';
import type { ImageCollection, ImageSplit, OpenOptions } from './imageCollection.ts';
import { readLabelArray } from './labelArray.ts';
import { type NumberArray, openNpy } from './numberArray.ts';
import { openPixelArray, type PixelArray, pixelSplit } from './pixelArray.ts';
import { entriesOf, mapSplits, requireTrain, type SplitName } from './splitNames.ts';

/** Arrays of a collection by name. */
interface ArrayFiles {
  /** Start of messages: the file's name. */
  readonly caller: string;
  readonly names: readonly string[];
  open(name: string): Promise<NumberArray>;
  /** What tells an array from any other: name, size and time of its file. */
  stampOf(name: string): string;
}

/**
 * Opens images and labels in an `.npz` file as medmnist, Keras and scikit-learn lay it out (see
 * `groupArrays`), in a directory of `.npy` files, or in one `.npy` file with its labels beside it
 * (`images.npy` and `labels.npy`). Arrays that are not compressed are read by range, however large
 * they are; compressed ones up to 256 MiB are unpacked in memory, larger ones while they are read.
 * Classes have the digits of their labels as names.
 * @param source Path of an `.npz` or `.npy` file, or of a directory of `.npy` files.
 * @throws RangeError in one line that names the file, the array and what was expected.
 */
export async function openNpz(source: string, options: OpenOptions = {}): Promise<ImageCollection> {
  const files = /\.npz$/i.test(source) ? openArchive(source) : listArrays(source);
  const own = path.basename(source, path.extname(source));
  const isOwn = /\.npy$/i.test(source) && !hasUsualName(own);
  const chosen = isOwn ? { imageColumn: own, ...options } : options;
  const grouped = groupArrays(files.names, chosen, files.caller);
  const warnings = [...grouped.warnings];
  const raw: Partial<Record<SplitName, RawLabels>> = {};
  const pixels: Partial<Record<SplitName, PixelArray>> = {};
  for (const [split, { images, labels }] of entriesOf(grouped.splits)) {
    options.signal?.throwIfAborted();
    const opened = await openPixelArray(await files.open(images));
    const read =
      labels === undefined
        ? { values: new Array<null>(opened.count).fill(null), warnings: [] }
        : await readLabelArray(await files.open(labels), opened.count);
    pixels[split] = opened;
    raw[split] = { values: read.values, nameOf: (index) => `image ${index} of ${images}` };
    warnings.push(...opened.warnings, ...read.warnings);
  }
  const train = requireTrain<SplitArrays>(grouped.splits, files.caller).train;
  const classes = numberClasses(raw, undefined, `${files.caller}: ${train.labels}`);
  const splits = mapSplits(pixels, (opened, split) => {
    const { images } = grouped.splits[split] as SplitArrays;
    const text = `${files.stampOf(images)} ${opened.shape.join('×')}`;
    const version = hashBytes([new TextEncoder().encode(text)], 'sha256');
    return pixelSplit(opened, classes.labels[split] as Int32Array, images, version);
  });
  return {
    source,
    classNames: classes.classNames,
    splits: requireTrain<ImageSplit>(splits, files.caller),
    warnings: [...warnings, ...classes.warnings],
    close: async () => {},
  };
}

function stampOfFile(file: string): string {
  const { size, mtimeMs } = statSync(file);
  return `${path.basename(file)} ${size} ${mtimeMs}`;
}

function openArchive(file: string): ArrayFiles {
  const caller = path.basename(file);
  const source = fileByteSource(file, caller);
  const entries = new Map(
    [...zipEntries(source, caller)]
      .filter(([name]) => name.endsWith('.npy'))
      .map(([name, entry]) => [name.slice(0, -4), entry]),
  );
  return {
    caller,
    names: [...entries.keys()],
    stampOf: (name) => `${stampOfFile(file)} ${name}`,
    open(name) {
      const entry = entries.get(name) as NonNullable<ReturnType<typeof entries.get>>;
      const place = `${caller}: ${name}`;
      return openNpy(entryAccess(source, entry, place), place);
    },
  };
}

type Entry = ReturnType<typeof zipEntries> extends ReadonlyMap<string, infer Value> ? Value : never;

function entryAccess(source: ByteSource, entry: Entry, caller: string): ByteAccess {
  if (!entry.isStored) return streamAccess(() => entry.read(), entry.size, caller);
  const { begin, end } = entry.storedRange();
  return rangeAccess(source, begin, end);
}

/** Lists the `.npy` files of a directory, or those beside a file. */
function listArrays(source: string): ArrayFiles {
  const stats = statSync(source, { throwIfNoEntry: false });
  ensure(stats !== undefined, source, 'an .npz or .npy file', 'no such file');
  const directory = stats.isDirectory() ? source : path.dirname(source);
  const names = readdirSync(directory)
    .filter((name) => /\.npy$/i.test(name))
    .map((name) => name.slice(0, -4))
    .sort();
  const own = path.basename(source).replace(/\.npy$/i, '');
  const fileOf = (name: string) => path.join(directory, `${name}.npy`);
  const caller = path.basename(source);
  if (!stats.isDirectory() && !names.includes(own))
    throw expectedError(caller, 'an .npz or .npy file', 'another ending', 'rename it');
  return {
    caller,
    names,
    stampOf: (name) => stampOfFile(fileOf(name)),
    open(name) {
      const source = fileByteSource(fileOf(name), `${name}.npy`);
      return openNpy(rangeAccess(source, 0, source.length), `${name}.npy`);
    },
  };
}
