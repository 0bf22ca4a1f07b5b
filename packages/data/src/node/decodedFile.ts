import { readFile } from 'node:fs/promises';
import { ensure } from '@kd/core';
import { decodeSafetensors, encodeSafetensors } from '@kd/files';
import { writeFileAtomic } from '@kd/files/node';
import { type Cifar10, cifar10ClassNames, type ImageDataset, imageDataset } from '../index.ts';

const format = 'kd-cifar-10/1';

/**
 * CIFAR-10 decoded, in one safetensors file: uint8 pixels and labels of both sets, with each set's
 * identity (sha256) in the metadata.
 * @returns undefined where there is no such file.
 * @throws RangeError that names the file where it is cut short or altered.
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
    const set = imageDataset({
      name: `CIFAR-10 ${part}`,
      pixels,
      labels,
      imageShape: [32, 32, 3],
      classNames: cifar10ClassNames,
    });
    const [expected, got] = [metadata[`${part}.identity`], await set.fingerprint()];
    ensure(
      got === expected,
      file,
      `${part} pictures of sha256 ${expected?.slice(0, 16)}…`,
      `${got.slice(0, 16)}…`,
    );
    return set;
  };
  return {
    train: await read('train'),
    test: await read('test'),
    source: metadata.source ?? 'unknown',
  };
}

/** Writes the file whole or not at all. */
export async function writeDecoded(
  file: string,
  { train, test }: Cifar10,
  source: string,
): Promise<void> {
  const tensors = Object.fromEntries(
    Object.entries({ train, test }).flatMap(([part, set]) => [
      [
        `${part}.pixels`,
        { dtype: 'U8' as const, shape: [set.labels.length, ...set.imageShape], data: set.pixels },
      ],
      [
        `${part}.labels`,
        { dtype: 'U8' as const, shape: [set.labels.length], data: Uint8Array.from(set.labels) },
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
