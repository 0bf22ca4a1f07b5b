import { statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { ensure, expectedError } from '@kd/core';
import { type ByteSource, readRange } from '@kd/files';
import { fileByteSource, hashBytes } from '@kd/files/node';
import { numberClasses, type RawLabels } from './columnLabels.ts';
import type { ImageCollection, ImageSplit, OpenOptions } from './imageCollection.ts';
import { imageEndings } from './imageFiles.ts';
import { entriesOf, mapSplits, requireTrain, type SplitName, splitOfPath } from './splitNames.ts';
import { indexTar, type TarFile } from './tarIndex.ts';

/** Bytes of a file that holds a label. */
const mostLabelBytes = 2 ** 20;
/** Shards of a collection. */
const mostShards = 100_000;
const labelKeys = ['label', 'cls', 'class', 'target', 'category', 'label_name', 'class_name'];

/** Files of one key in a shard. */
interface Sample {
  readonly shard: Shard;
  readonly key: string;
  readonly image: TarFile;
  readonly label: string | number | null;
}

interface Shard {
  readonly name: string;
  readonly source: ByteSource;
  readonly stamp: string;
}

/**
 * Opens tar shards as webdataset writes them: the files of an image share their path up to the
 * first dot (`000123.jpg`, `000123.cls`), and the label is a number or a name in `.cls` or `.txt`,
 * or the field `label`, `cls`, `class` … of `.json`. Names of shards tell their split
 * (`train-000000.tar`, `val-000000.tar`). The archives are indexed now and their images read from
 * their place.
 * @param source A directory of shards, one of them, or a range: `train-{000000..000009}.tar`.
 * @param options `labelColumn` names another ending or another field.
 * @throws RangeError that names the shard and the key.
 */
export async function openTarShards(
  source: string,
  options: OpenOptions = {},
): Promise<ImageCollection> {
  const samples: Partial<Record<SplitName, Sample[]>> = {};
  const warnings: string[] = [];
  const files = await listShards(source);
  for (const file of files) {
    options.signal?.throwIfAborted();
    const name = path.basename(file);
    const split = files.length === 1 ? 'train' : (splitOfPath(name) ?? 'train');
    const read = readShard(file, name, options.labelColumn);
    if (read.withoutImage > 0) warnings.push(`${name}: ${read.withoutImage} keys have no image`);
    samples[split] = [...(samples[split] ?? []), ...read.samples];
  }
  const found = requireTrain<Sample[]>(samples, source);
  for (const [split, list] of entriesOf(found))
    ensure(list.length > 0, source, `images for ${split}`, 'none');
  const raw = mapSplits<Sample[], RawLabels>(found, (list) => ({
    values: list.map(({ label }) => label),
    nameOf: (index) => nameOf(list[index] as Sample),
  }));
  const classes = numberClasses(raw, undefined, source);
  const splits = mapSplits<Sample[], ImageSplit>(found, (list, split) =>
    openSplit(list, classes.labels[split] as Int32Array),
  );
  return {
    source,
    classNames: classes.classNames,
    splits: requireTrain<ImageSplit>(splits, source),
    warnings: [...warnings, ...classes.warnings],
    close: async () => {},
  };
}

async function listShards(source: string): Promise<string[]> {
  const range = /^(.*)\{(\d+)\.\.(\d+)\}(.*)$/.exec(source);
  if (range !== null) {
    const [, before, first, last, after] = range as unknown as string[];
    const [from, to] = [Number(first), Number(last)];
    ensure(to >= from && to - from < mostShards, source, 'a range of shards', `${first}..${last}`);
    return Array.from({ length: to - from + 1 }, (_, at) => {
      const number = String(from + at).padStart((first as string).length, '0');
      return `${before}${number}${after}`;
    });
  }
  if (!statSync(source).isDirectory()) return [source];
  const names = (await readdir(source)).filter((name) => /\.tar$/i.test(name)).sort();
  return names.map((name) => path.join(source, name));
}

function readShard(
  file: string,
  name: string,
  labelColumn: string | undefined,
): { readonly samples: Sample[]; readonly withoutImage: number } {
  const stats = statSync(file, { throwIfNoEntry: false });
  ensure(stats !== undefined, file, 'a tar shard', 'no such file');
  const source = fileByteSource(file, name);
  const shard = { name, source, stamp: `${name} ${stats.size} ${stats.mtimeMs}` };
  const byKey = new Map<string, Map<string, TarFile>>();
  for (const entry of indexTar(source, name)) {
    const base = path.posix.basename(entry.path);
    const dot = base.indexOf('.', 1);
    if (dot < 0 || base.startsWith('.')) continue;
    const key = path.posix.join(path.posix.dirname(entry.path), base.slice(0, dot));
    const endings = byKey.get(key) ?? new Map<string, TarFile>();
    endings.set(base.slice(dot + 1).toLowerCase(), entry);
    byKey.set(key, endings);
  }
  const samples: Sample[] = [];
  let withoutImage = 0;
  for (const [key, endings] of byKey) {
    const image = [...endings].find(([ending]) => imageEndings.test(`.${ending}`))?.[1];
    if (image === undefined) withoutImage++;
    else samples.push({ shard, key, image, label: readLabel(shard, key, endings, labelColumn) });
  }
  return { samples, withoutImage };
}

function readLabel(
  { source, name }: Shard,
  key: string,
  endings: ReadonlyMap<string, TarFile>,
  labelColumn: string | undefined,
): string | number | null {
  const caller = `${name}: ${key}`;
  const read = (file: TarFile): string => {
    ensure(file.size <= mostLabelBytes, caller, `a label of ${mostLabelBytes} bytes`, file.size);
    return new TextDecoder().decode(readRange(source, file.begin, file.begin + file.size)).trim();
  };
  const plain = labelColumn === undefined ? ['cls', 'cls.txt', 'txt'] : [labelColumn];
  const file = plain.map((ending) => endings.get(ending)).find((found) => found !== undefined);
  if (file !== undefined) return toLabel(read(file));
  const json = endings.get('json');
  if (json === undefined) return null;
  let fields: unknown;
  try {
    fields = JSON.parse(read(json));
  } catch (cause) {
    throw expectedError(`${caller}.json`, 'JSON', (cause as Error).message);
  }
  if (typeof fields !== 'object' || fields === null) return null;
  const wanted = labelColumn === undefined ? labelKeys : [labelColumn];
  const field = wanted.find((name) => Object.hasOwn(fields, name));
  const value = field === undefined ? null : (fields as Record<string, unknown>)[field];
  if (value === null) return null;
  if (typeof value === 'number') return value;
  if (typeof value === 'string') return toLabel(value.trim());
  throw expectedError(`${caller}.json: ${field}`, 'a label: a number or text', typeof value);
}

/** Whole numbers are labels by number, all else are names; no text is no label. */
function toLabel(text: string): string | number | null {
  if (text === '') return null;
  return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
}

function nameOf({ shard, image }: Sample): string {
  return `${image.path} of ${shard.name}`;
}

function openSplit(samples: readonly Sample[], labels: Int32Array): ImageSplit {
  const stamps = [...new Set(samples.map(({ shard }) => shard.stamp))];
  return {
    count: samples.length,
    labels,
    nameOf: (index) => nameOf(samples[index] as Sample),
    async read(index) {
      const { shard, image } = samples[index] as Sample;
      const bytes = readRange(shard.source, image.begin, image.begin + image.size);
      return { encoded: bytes as Uint8Array<ArrayBuffer> };
    },
    version: hashBytes([new TextEncoder().encode(stamps.join('\n'))], 'sha256'),
  };
}
