import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { dataLoader } from '@kd/data';
import { decodeImages, type ImageCollection, type LoadedImages } from '@kd/data/node';
import type { StepOptions } from '../protocol.ts';
import { countUp, type Workload } from './workload.ts';

/** Decodes, resizes and crops the files of `PHOTOS` into a file of rows, as a first start does. */
export function decoding(options: StepOptions): Workload {
  const passes = countUp();
  return {
    async run() {
      const loaded = await decode(options, passes.next().value);
      return loaded.train.images.read(0)[0] as number;
    },
  };
}

/** An epoch of batches of 64 from the file of rows, as every later start has it. */
export async function cachedEpoch(options: StepOptions): Promise<Workload> {
  const { train } = await decode(options, 0);
  const data = dataLoader(train, { batchSize: 64 });
  const epochs = countUp();
  return {
    async run() {
      for await (const _ of data.epoch(epochs.next().value));
      return 0;
    },
  };
}

/** @param pass Files of another pass are decoded again. The rows are removed, and stay open. */
async function decode({ batch: count, size }: StepOptions, pass: number): Promise<LoadedImages> {
  const cache = await mkdtemp(path.join(tmpdir(), 'kd-bench-'));
  const log = () => {};
  const collection = await openPhotos(count, `pass ${pass}`);
  try {
    return await decodeImages(collection, { size, cache, memoryBytes: 0, log });
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
}

/** The files of the directory in the variable `PHOTOS`, repeated to the number that is wanted. */
async function openPhotos(count: number, version: string): Promise<ImageCollection> {
  const directory = process.env.PHOTOS as string;
  const files = (await readdir(directory)).sort();
  const nameOf = (index: number) => path.join(directory, files[index % files.length] as string);
  return {
    source: directory,
    classNames: ['photograph'],
    splits: {
      train: {
        count,
        labels: new Int32Array(count),
        nameOf,
        read: async (index) => ({ encoded: new Uint8Array(await readFile(nameOf(index))) }),
        version,
      },
    },
    warnings: [],
    close: async () => {},
  };
}
