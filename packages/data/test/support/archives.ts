import { gzipSync } from 'node:zlib';
import { encode } from 'fast-png';
import { packTar } from 'modern-tar';

/** An image as in CIFAR's own files: [red 1024, green 1024, blue 1024]. */
export interface SampleImage {
  readonly label: number;
  readonly planes: Uint8Array;
}

const numbers = [1, 2, 3, 4, 5];

/** Creates the two images of a file; each byte depends on image, plane and position. */
export function sampleImages(file: number): SampleImage[] {
  return [0, 1].map((image) => ({
    label: (file * 3 + image * 7) % 10,
    planes: Uint8Array.from(
      { length: 3072 },
      (_, at) => (file * 31 + image * 97 + Math.floor(at / 1024) * 50 + at) % 256,
    ),
  }));
}

/** Packs a `.tar.gz`; the time of its files is fixed, so that its bytes are always the same. */
export async function tarGz(files: Readonly<Record<string, Uint8Array>>): Promise<Uint8Array> {
  const entries = Object.entries(files).map(([name, body]) => ({
    header: { name, size: body.length, mtime: new Date(0) },
    body,
  }));
  return gzipSync(await packTar(entries));
}

/** Files of the official binary archive. */
export function binaryFiles(): Record<string, Uint8Array> {
  const file = (number: number) =>
    Buffer.concat(sampleImages(number).flatMap(({ label, planes }) => [Buffer.of(label), planes]));
  return Object.fromEntries([
    ...numbers.map((number) => [`cifar-10-batches-bin/data_batch_${number}.bin`, file(number)]),
    ['cifar-10-batches-bin/batches.meta.txt', Buffer.from('airplane\n')],
    ['cifar-10-batches-bin/test_batch.bin', file(6)],
  ]);
}

/** Files of the official Python archive. */
export function pythonFiles(): Record<string, Uint8Array> {
  return Object.fromEntries([
    ['cifar-10-batches-py/batches.meta', Buffer.from('not read')],
    ...numbers.map((number) => [
      `cifar-10-batches-py/data_batch_${number}`,
      pickledBatch(sampleImages(number), number),
    ]),
    ['cifar-10-batches-py/test_batch', pickledBatch(sampleImages(6), 6)],
  ]);
}

/** Files of the npm package. */
export function npmFiles(): Record<string, Uint8Array> {
  const labels = (files: number[]) =>
    Buffer.from(
      JSON.stringify(files.flatMap((file) => sampleImages(file).map(({ label }) => label))),
    );
  const image = (file: number) =>
    encode({
      width: 1024,
      height: 2,
      channels: 3,
      depth: 8,
      data: Buffer.concat(sampleImages(file).map(interleaved)),
    });
  return Object.fromEntries([
    ...numbers.map((number) => [`package/data_batch_${number}.png`, image(number)]),
    ['package/index.bundle.js', Buffer.from('throw new Error("not run");')],
    ['package/test_batch.png', image(6)],
    ['package/test_lables.json', labels([6])],
    ['package/train_lables.json', labels(numbers)],
  ]);
}

/** Interleaves the channels of an image. */
export function interleaved({ planes }: SampleImage): Uint8Array {
  return Uint8Array.from(
    { length: 3072 },
    (_, at) => planes[(at % 3) * 1024 + Math.floor(at / 3)] as number,
  );
}

/**
 * Writes what Python 2's cPickle, protocol 2, writes for {'batch_label', 'labels', 'data' (numpy
 * uint8), 'filenames'}: opcode for opcode.
 */
export function pickledBatch(images: readonly SampleImage[], number: number): Uint8Array {
  let stored = 0;
  const ascii = (text: string) => Buffer.from(text, 'latin1');
  const put = () => Buffer.of(0x71, ++stored);
  const short = (text: string) => Buffer.concat([Buffer.of(0x55, text.length), ascii(text), put()]);
  const global = (module: string, name: string) =>
    Buffer.concat([ascii(`c${module}\n${name}\n`), put()]);
  const int16 = (value: number) => Buffer.of(0x4d, value & 255, value >> 8);
  const pixels = Buffer.concat(images.map(({ planes }) => planes));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(pixels.length);
  const minusOne = Buffer.of(0x4a, 0xff, 0xff, 0xff, 0xff);
  return Buffer.concat([
    ascii('\x80\x02}'),
    put(),
    ascii('('),
    short('batch_label'),
    short(`training batch ${number} of 5`),
    short('labels'),
    ascii(']'),
    put(),
    ascii('('),
    ...images.map(({ label }) => Buffer.of(0x4b, label)),
    ascii('e'),
    short('data'),
    global('numpy.core.multiarray', '_reconstruct'),
    global('numpy', 'ndarray'),
    Buffer.of(0x4b, 0, 0x85),
    put(),
    short('b'),
    Buffer.of(0x87),
    put(),
    ascii('R'),
    put(),
    ascii('('),
    Buffer.of(0x4b, 1),
    int16(images.length),
    int16(3072),
    Buffer.of(0x86),
    put(),
    global('numpy', 'dtype'),
    short('u1'),
    Buffer.of(0x4b, 0, 0x4b, 1, 0x87),
    put(),
    ascii('R'),
    put(),
    ascii('('),
    Buffer.of(0x4b, 3),
    short('|'),
    ascii('NNN'),
    minusOne,
    minusOne,
    Buffer.of(0x4b, 0),
    ascii('t'),
    put(),
    ascii('b'),
    Buffer.of(0x89),
    ascii('T'),
    length,
    pixels,
    ascii('t'),
    put(),
    ascii('b'),
    short('filenames'),
    ascii(']'),
    put(),
    ascii('('),
    ...images.map((_, at) => short(`picture_s_00000${at}.png`)),
    ascii('eu.'),
  ]);
}
