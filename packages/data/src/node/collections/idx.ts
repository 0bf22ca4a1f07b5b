import { statSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { ensure, expectedError } from '@kd/core';
import { fileByteSource, hashBytes } from '@kd/files/node';
import { type ByteAccess, rangeAccess } from './byteAccess.ts';
import { numberClasses, type RawLabels } from './columnLabels.ts';
import type { ImageCollection, ImageSplit, OpenOptions } from './imageCollection.ts';
import { readLabelArray } from './labelArray.ts';
import type { NumberArray } from './numberArray.ts';
import { openPixelArray, type PixelArray, pixelSplit } from './pixelArray.ts';
import { entriesOf, mapSplits, requireTrain, type SplitName, splitOfPath } from './splitNames.ts';

/** Names of IDX files: `train-images-idx3-ubyte.gz`, `t10k-labels.idx1-ubyte`. */
export const idxName = /(images|labels)[-.]idx[134]-ubyte(\.gz)?$/i;

/** Bytes of a compressed file when unpacked, at most. */
const mostUnpacked = 2 ** 30;

/**
 * Opens images in IDX files, the format of MNIST: `train-images-idx3-ubyte` with
 * `train-labels-idx1-ubyte` beside it, `t10k-…` for testing, compressed or not. EMNIST's names are
 * known too; its letters lie on their side, as published.
 * @param source A directory of such files, or one of them.
 * @throws RangeError that names the file and what was expected.
 */
export async function openIdx(source: string, options: OpenOptions = {}): Promise<ImageCollection> {
  const isDirectory = statSync(source).isDirectory();
  const directory = isDirectory ? source : path.dirname(source);
  const all = (await readdir(directory)).filter((name) => idxName.test(name)).sort();
  const own = isDirectory ? undefined : prefixOf(path.basename(source));
  const names = all.filter((name) => own === undefined || setOf(name) === setOf(own));
  const images: Partial<Record<SplitName, PixelArray>> = {};
  const raw: Partial<Record<SplitName, RawLabels>> = {};
  const stamps: Partial<Record<SplitName, string>> = {};
  const warnings: string[] = [];
  for (const file of names.filter((name) => /images/i.test(name))) {
    options.signal?.throwIfAborted();
    const split = splitOf(file);
    if (images[split] !== undefined)
      throw expectedError(source, `one file of images for ${split}`, `${file} and another`);
    const labels = names.find((name) => /labels/i.test(name) && prefixOf(name) === prefixOf(file));
    if (labels === undefined)
      throw expectedError(
        `${source}: ${file}`,
        'its labels beside it',
        all,
        `${prefixOf(file)}labels-idx1-ubyte`,
      );
    const pixels = await openPixelArray(await openIdxArray(path.join(directory, file), file));
    const read = await readLabelArray(
      await openIdxArray(path.join(directory, labels), labels),
      pixels.count,
    );
    images[split] = pixels;
    raw[split] = { values: read.values, nameOf: (index) => `image ${index} of ${file}` };
    const { size, mtimeMs } = statSync(path.join(directory, file));
    stamps[split] = hashBytes([new TextEncoder().encode(`${file} ${size} ${mtimeMs}`)], 'sha256');
    warnings.push(...pixels.warnings);
  }
  const found = requireTrain<PixelArray>(images, source);
  const classes = numberClasses(raw, undefined, source);
  const splits = mapSplits<PixelArray, ImageSplit>(found, (pixels, split) =>
    pixelSplit(pixels, classes.labels[split] as Int32Array, split, stamps[split] as string),
  );
  const missing = entriesOf(splits).length === 1 ? ['no test images (t10k-images-idx3-ubyte)'] : [];
  return {
    source,
    classNames: classes.classNames,
    splits: requireTrain<ImageSplit>(splits, source),
    warnings: [...missing, ...warnings, ...classes.warnings],
    close: async () => {},
  };
}

/** What stands before `images` or `labels` in a name. */
function prefixOf(name: string): string {
  return name.slice(0, name.search(/(?:images|labels)[-.]idx/i));
}

/** The set that a file belongs to, without its split: `emnist-letters-`. */
function setOf(name: string): string {
  return prefixOf(name).replace(/(?:train|t10k|test)[-.]?$/i, '');
}

function splitOf(name: string): SplitName {
  return /t10k/i.test(name) ? 'test' : (splitOfPath(prefixOf(name)) ?? 'train');
}

/** Opens an IDX file of bytes: two zeros, type 8, the number of sides, the sides, the numbers. */
async function openIdxArray(file: string, name: string): Promise<NumberArray> {
  const access = await openBytes(file, name);
  ensure(access.length >= 8, name, 'an IDX file', `${access.length} bytes`, 'get it again');
  const head = await access.read(0, 4);
  const rank = head[3] as number;
  const isIdx = head[0] === 0 && head[1] === 0 && head[2] === 8 && rank >= 1 && rank <= 4;
  ensure(isIdx, name, 'an IDX file of unsigned bytes (0, 0, 8, number of sides)', [...head]);
  const begin = 4 + 4 * rank;
  const sides = await access.read(4, Math.min(begin, access.length));
  const view = new DataView(sides.buffer, sides.byteOffset, sides.byteLength);
  const shape = Array.from({ length: sides.length >> 2 }, (_, side) => view.getUint32(4 * side));
  const count = shape.reduce((product, side) => product * side, 1);
  ensure(
    shape.length === rank && begin + count === access.length,
    name,
    `${count} bytes of numbers ([${shape.join(', ')}])`,
    access.length - begin,
    'the file is cut short or damaged: get it again',
  );
  const read = (from: number, to: number) => access.read(begin + from, begin + to);
  return { caller: name, type: 'U8', shape, read };
}

async function openBytes(file: string, name: string): Promise<ByteAccess> {
  if (!/\.gz$/i.test(file)) {
    const source = fileByteSource(file, name);
    return rangeAccess(source, 0, source.length);
  }
  const packed = await readFile(file);
  const bytes = await promisify(gunzip)(packed, { maxOutputLength: mostUnpacked }).catch(
    (cause: Error) => {
      throw expectedError(name, 'a whole gzip file', cause.message, 'get it again');
    },
  );
  return { length: bytes.length, read: async (from, to) => bytes.subarray(from, to) };
}
