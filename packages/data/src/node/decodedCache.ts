import { readFile } from 'node:fs/promises';
import { ensure } from '@kd/core';
import { decodeSafetensors, encodeSafetensors } from '@kd/files';
import { writeFileAtomic } from '@kd/files/node';
import { type Cifar10, cifar10ClassNames } from '../cifar10.ts';
import { type ImageDataset, imageDataset } from '../imageDataset.ts';

/** Name and version of the format. Its metadata call a fingerprint `identity`. */
const format = 'kd-cifar-10/1';

/**
 * Reads decoded CIFAR-10 from one safetensors file: uint8 pixels and labels of both parts, with
 * their
 * fingerprints (sha256) in the metadata.
 * @returns undefined if there is no such file.
 * @throws RangeError that names the file if it is cut short or altered.
 */
export async function readDecoded(
  file: string,
): Promise<(Cifar10 & { readonly source: string }) | undefined> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (bytes === undefined) return undefined;
  const { tensors, metadata } = decodeSafetensors(bytes, file);
  ensure(metadata.format === format, file, `the format ${format}`, metadata.format);
  const read = async (part: 'train' | 'test'): Promise<ImageDataset> => {
    const pixels = tensors[`${part}.pixels`]?.data;
    const labels = tensors[`${part}.labels`]?.data;
    ensure(
      pixels instanceof Uint8Array && labels instanceof Uint8Array,
      file,
      `uint8 ${part}.pixels and ${part}.labels`,
      'others',
    );
    const dataset = imageDataset({
      name: `CIFAR-10 ${part}`,
      pixels,
      labels,
      imageShape: [32, 32, 3],
      classNames: cifar10ClassNames,
    });
    const [expected, got] = [metadata[`${part}.identity`], await dataset.fingerprint()];
    ensure(
      got === expected,
      file,
      `${part} images of sha256 ${expected?.slice(0, 16)}…`,
      `${got.slice(0, 16)}…`,
    );
    return dataset;
  };
  return {
    train: await read('train'),
    test: await read('test'),
    source: metadata.source ?? 'unknown',
  };
}

function concatImages({ images, imageShape }: ImageDataset): Uint8Array {
  const size = imageShape[0] * imageShape[1] * imageShape[2];
  const pixels = new Uint8Array(images.count * size);
  for (let index = 0; index < images.count; index++) pixels.set(images.read(index), index * size);
  return pixels;
}

/** Writes decoded CIFAR-10 atomically. */
export async function writeDecoded(
  file: string,
  { train, test }: Cifar10,
  source: string,
): Promise<void> {
  const tensors = Object.fromEntries(
    Object.entries({ train, test }).flatMap(([part, dataset]) => [
      [
        `${part}.pixels`,
        {
          dtype: 'U8' as const,
          shape: [dataset.labels.length, ...dataset.imageShape],
          data: concatImages(dataset),
        },
      ],
      [
        `${part}.labels`,
        {
          dtype: 'U8' as const,
          shape: [dataset.labels.length],
          data: Uint8Array.from(dataset.labels),
        },
      ],
    ]),
  );
  const metadata = {
    format,
    source,
    'train.identity': await train.fingerprint(),
    'test.identity': await test.fingerprint(),
  };
  await writeFileAtomic(file, encodeSafetensors(tensors, metadata));
}
