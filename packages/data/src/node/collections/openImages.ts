import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { expectedError } from '@kd/core';
import { openCifar100 } from './cifar100.ts';
import { openCsv } from './csv.ts';
import { openFolder } from './folder.ts';
import { openHubDataset } from './hubDataset.ts';
import { idxName, openIdx } from './idx.ts';
import type { ImageCollection, ImageSplit, OpenOptions } from './imageCollection.ts';
import { listNames } from './imageFiles.ts';
import { openNpz } from './npz.ts';
import { openParquet } from './parquet.ts';
import { openTarShards } from './tarShards.ts';

const understood =
  'a directory with a directory for each class; .parquet, .npz, .npy, .csv, .tar or IDX files; cifar-100-….tar.gz; hf://datasets/…';

type Opener = (source: string, options: OpenOptions) => Promise<ImageCollection>;

/** Directories by the names in them, the first that fits. */
const directories: readonly (readonly [RegExp, Opener])[] = [
  [/\.parquet$/i, openParquet],
  [/\.tar$/i, openTarShards],
  [idxName, openIdx],
  [/\.npy$/i, openNpz],
  [/^fine_label_names\.txt$/, openCifar100],
  [/^(?:labels|metadata)\.[ct]sv$/i, openTable],
];

/** Files by their names. */
const files: readonly (readonly [RegExp, Opener])[] = [
  [/\.parquet$/i, openParquet],
  [/\.np[yz]$/i, openNpz],
  [/\.[ct]sv$/i, openCsv],
  [/\.tar$/i, openTarShards],
  [idxName, openIdx],
  [/cifar-?100.*\.(?:tar\.gz|tgz)$/i, openCifar100],
];

/**
 * Opens images of any origin that this package reads, by what the path is: a directory with a
 * directory for each class, parquet files, `.npz` and `.npy`, a table of files and labels, tar
 * shards, IDX files, CIFAR-100; or by its address, a dataset of the Hugging Face hub.
 * @param source A path, or `hf://datasets/owner/name[@revision][/path]`.
 * @throws RangeError in one line that names the path, and the file in it, that does not fit.
 */
export async function openImages(
  source: string,
  options: OpenOptions = {},
): Promise<ImageCollection> {
  const caller = `openImages '${source}'`;
  if (/^https?:/.test(source))
    throw expectedError(caller, understood, 'an address', 'download it first');
  if (/\{\d+\.\.\d+\}/.test(source)) return openTarShards(source, options);
  if (source.startsWith('hf://')) return withChecks(await openHubDataset(source, options), caller);
  const found = await stat(source).catch((cause: NodeJS.ErrnoException) => {
    throw expectedError(
      caller,
      understood,
      cause.code === 'ENOENT' ? 'no such file or directory' : cause.message,
      'check the path',
    );
  });
  const open = found.isDirectory()
    ? await openerOfDirectory(source)
    : files.find(([name]) => name.test(path.basename(source)))?.[1];
  const isPacked = /\.(?:zip|rar|7z|tgz|tar\.\w+)$/i.test(source);
  if (open === undefined)
    throw expectedError(
      caller,
      understood,
      path.basename(source),
      isPacked ? 'unpack it, and give the directory' : undefined,
    );
  return withChecks(await open(source, options), caller);
}

function withChecks(collection: ImageCollection, caller: string): ImageCollection {
  return { ...collection, warnings: [...collection.warnings, ...checkClasses(collection, caller)] };
}

async function openerOfDirectory(directory: string): Promise<Opener> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  if (['meta', 'train', 'test'].every((name) => names.includes(name))) return openCifar100;
  const open = directories.find(([wanted]) => names.some((name) => wanted.test(name)))?.[1];
  if (open !== undefined) return open;
  const below = await readdir(path.join(directory, 'data')).catch(() => []);
  return below.some((name) => /\.parquet$/i.test(name)) ? openParquet : openFolder;
}

/**
 * Checks that there is something to be learnt.
 * @returns Warnings about classes that are rare or missing in a split.
 */
function checkClasses({ classNames, splits }: ImageCollection, caller: string): string[] {
  const counts = new Map<string, number[]>();
  for (const [split, { labels }] of Object.entries(splits) as [string, ImageSplit][]) {
    const count = classNames.map(() => 0);
    for (const label of labels) if (label >= 0) count[label] = (count[label] as number) + 1;
    counts.set(split, count);
  }
  const train = counts.get('train') as number[];
  const taught = classNames.filter((_, label) => (train[label] as number) > 0);
  if (taught.length < 2)
    throw expectedError(
      caller,
      'training images of at least two classes',
      taught.length === 0 ? 'none with a label' : `one class, ${taught[0]}`,
    );
  const warnings: string[] = [];
  const warn = (labels: readonly string[], text: string) => {
    if (labels.length > 0) warnings.push(`${text} ${listNames(labels)}`);
  };
  for (const [split, count] of counts)
    warn(
      classNames.filter((_, label) => count[label] === 0),
      `no ${split === 'train' ? 'training' : split} images of`,
    );
  warn(
    classNames.filter((_, label) => train[label] === 1),
    'one training image only of',
  );
  return warnings;
}

/** Opens the table that lies in a directory beside its pictures. */
async function openTable(directory: string, options: OpenOptions): Promise<ImageCollection> {
  const names = await readdir(directory);
  const [table] = names.filter((name) => /^(?:labels|metadata)\.[ct]sv$/i.test(name)).sort();
  const collection = await openCsv(path.join(directory, table as string), options);
  return { ...collection, source: directory };
}
