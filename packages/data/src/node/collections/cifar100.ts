import { createReadStream, statSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { ensure, expectedError } from '@kd/core';
import { readTar } from '@kd/files';
import { hashBytes } from '@kd/files/node';
import { type Part, readPythonBatch, readRecords } from '../../cifarFiles.ts';
import { readArrays } from '../../numpyPickle.ts';
import type { ImageCollection, ImageSplit, OpenOptions } from './imageCollection.ts';

/** Limits in bytes: the largest file of the archives has 155 MB. */
const limits = { file: 200e6, archive: 600e6 };

const wanted = [
  'train.bin',
  'test.bin',
  'fine_label_names.txt',
  'coarse_label_names.txt',
  'train',
  'test',
  'meta',
];

type Granularity = 'fine' | 'coarse';

/**
 * Opens CIFAR-100 of Krizhevsky, 2009: `cifar-100-binary.tar.gz`, `cifar-100-python.tar.gz`, or the
 * directory that one of them was unpacked to. The 100 fine labels, or with the option
 * `labelColumn: 'coarse_label'` the 20 coarse ones. Everything is held in memory, 184 MB.
 * @throws RangeError that names the archive and the file in it.
 */
export async function openCifar100(
  source: string,
  options: OpenOptions = {},
): Promise<ImageCollection> {
  const kind = chooseLabels(source, options.labelColumn);
  const files = await readFiles(source, options.signal);
  const isBinary = files.has('train.bin');
  const read = (name: 'train' | 'test') => {
    const file = isBinary ? `${name}.bin` : name;
    const bytes = files.get(file);
    if (bytes === undefined) throw expectedError(source, `the file ${file}`, [...files.keys()]);
    return { bytes, caller: `${source}: ${file}` };
  };
  const classNames = isBinary ? readNames(source, files, kind) : readMeta(source, files, kind);
  const open = (name: 'train' | 'test'): ImageSplit => {
    const { bytes, caller } = read(name);
    const part = isBinary
      ? readRecords(
          bytes,
          { bytes: 2, at: kind === 'fine' ? 1 : 0, classes: classNames.length },
          caller,
        )
      : readPythonBatch(bytes, classNames.length, `${kind}_labels`, caller);
    return partSplit(part, name, hashBytes([bytes], 'sha256'));
  };
  return {
    source,
    classNames,
    splits: { train: open('train'), test: open('test') },
    warnings: [],
    close: async () => {},
  };
}

/** Makes a split of 32 × 32 images in memory. */
export function partSplit(
  { pixels, labels }: Required<Part>,
  name: string,
  version: string,
): ImageSplit {
  const size = pixels.length / labels.length;
  return {
    count: labels.length,
    labels: Int32Array.from(labels),
    nameOf: (index) => `image ${index} of ${name}`,
    read: async (index) => ({
      pixels: pixels.slice(index * size, (index + 1) * size) as Uint8Array<ArrayBuffer>,
      shape: [32, 32, 3],
    }),
    version,
  };
}

function chooseLabels(source: string, column: string | undefined): Granularity {
  if (column === undefined || column === 'fine_label') return 'fine';
  if (column === 'coarse_label') return 'coarse';
  throw expectedError(source, 'labelColumn (--label-column) fine_label or coarse_label', column);
}

async function readFiles(
  source: string,
  signal: AbortSignal | undefined,
): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  if (statSync(source).isDirectory()) {
    for (const name of await readdir(source)) {
      if (!wanted.includes(name)) continue;
      const file = path.join(source, name);
      const { size } = statSync(file);
      ensure(size <= limits.file, file, `at most ${limits.file} bytes`, size);
      files.set(name, await readFile(file));
    }
    return files;
  }
  const stream = Readable.toWeb(
    createReadStream(source, { highWaterMark: 1 << 20 }),
  ) as ReadableStream<Uint8Array>;
  for await (const { name, bytes } of readTar(
    stream,
    (file) => wanted.includes(file),
    limits,
    source,
  )) {
    signal?.throwIfAborted();
    files.set(name, bytes);
  }
  return files;
}

/** Names of the binary archive: a line each. */
function readNames(
  source: string,
  files: ReadonlyMap<string, Uint8Array>,
  kind: Granularity,
): string[] {
  const file = `${kind}_label_names.txt`;
  const text = new TextDecoder().decode(files.get(file));
  return checkNames(
    text.split('\n').filter((line) => line.trim() !== ''),
    kind,
    `${source}: ${file}`,
  );
}

/** Names of the Python archive: lists of a pickled dict. */
function readMeta(
  source: string,
  files: ReadonlyMap<string, Uint8Array>,
  kind: Granularity,
): string[] {
  const bytes = files.get('meta');
  if (bytes === undefined) throw expectedError(source, 'the file meta', [...files.keys()]);
  const meta = readArrays(bytes, `${source}: meta`);
  const names = meta instanceof Map ? meta.get(`${kind}_label_names`) : undefined;
  return checkNames(Array.isArray(names) ? names.map(String) : [], kind, `${source}: meta`);
}

function checkNames(names: string[], kind: Granularity, caller: string): string[] {
  const count = kind === 'fine' ? 100 : 20;
  ensure(names.length === count, caller, `${count} names of ${kind} classes`, names.length);
  return names.map((name) => name.trim());
}
