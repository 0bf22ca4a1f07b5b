import { statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { ensure, expectedError } from '@kd/core';
import { hashBytes } from '@kd/files/node';
import { numberClasses, type RawLabels } from './columnLabels.ts';
import type { ImageCollection, ImageSplit, OpenOptions, StoredImage } from './imageCollection.ts';
import { chooseColumns, describeColumns, type ImageColumns } from './parquetColumns.ts';
import { openParquetFile, type ParquetFile, type TopColumn } from './parquetFile.ts';
import { findOnlyLabel, readLabels } from './parquetLabels.ts';
import type { ParquetColumn } from './parquetPages.ts';
import { type CollectionFile, groupBySplit } from './parquetSplits.ts';
import { entriesOf, mapSplits, requireTrain, type SplitName } from './splitNames.ts';

/**
 * Opens images in parquet files, as Python's `datasets` and the Hugging Face hub write them: one
 * file, or a directory of files whose names tell splits and shards
 * (`train-00000-of-00002.parquet`, `test/0000.parquet`). Images are bytes of image files; labels
 * are class labels, whole numbers, text or booleans. Footers and labels are read now, an image when
 * it is asked for, with the others of its page of about 1 MB.
 * @param source Path of a file or a directory.
 * @throws RangeError in one line that names the file, the column wanted and those that are there.
 */
export async function openParquet(
  source: string,
  options: OpenOptions = {},
): Promise<ImageCollection> {
  return openParquetFiles(source, await listParquetFiles(source), options);
}

/** Opens images in parquet files whose names below a root are known. */
export async function openParquetFiles(
  source: string,
  files: readonly CollectionFile[],
  options: OpenOptions,
): Promise<ImageCollection> {
  const { splits, warnings } = groupBySplit(source, files);
  const opened = mapSplits(splits, (group) => {
    options.signal?.throwIfAborted();
    return openPart(group, options);
  });
  const { columns, files: trainFiles } = requireTrain(opened, source).train;
  const only =
    columns.label === undefined
      ? await findOnlyLabel(trainFiles, columns.image, options)
      : undefined;
  const parts = only === undefined ? opened : mapSplits(opened, (part) => withLabel(part, only));
  const { train } = requireTrain(parts, source);
  const { image, label } = train.columns;
  const [file] = train.files as [ParquetFile];
  if (label === undefined)
    throw expectedError(
      `${source}: ${file.name}`,
      'a column of labels, such as label',
      describeColumns(file.columns),
      'name it with labelColumn (--label-column)',
    );
  for (const part of Object.values(parts)) assertSameColumns(part, train);
  const raw: Partial<Record<SplitName, RawLabels>> = {};
  for (const [split, part] of entriesOf(parts)) {
    const values = await readLabels(part.files, part.columns.label?.name, options);
    raw[split] = { values, nameOf: (index) => nameOf(part, index) };
  }
  const names = label.kind === 'boolean' ? ['false', 'true'] : label.classNames;
  const classes = numberClasses(raw, names, `${source}: ${label.name}`);
  const images = mapSplits(parts, (part, split) =>
    imageSplit(part, image.name, classes.labels[split] as Int32Array),
  );
  return {
    source,
    classNames: classes.classNames,
    splits: requireTrain<ImageSplit>(images, source),
    warnings: [
      ...warnings,
      ...(only ? [`${source}: label column: ${only.name} (the only one that can be)`] : []),
      ...classes.warnings,
    ],
    close: async () => {},
  };
}

const mostFiles = 100_000;
const deepest = 6;

/** Lists the parquet files below a directory; a file alone is listed by its name. */
export async function listParquetFiles(source: string): Promise<readonly CollectionFile[]> {
  const stats = statSync(source, { throwIfNoEntry: false });
  ensure(stats !== undefined, source, 'a parquet file or a directory of them', 'no such file');
  if (!stats.isDirectory()) return [{ path: source, name: path.basename(source) }];
  const found: CollectionFile[] = [];
  const visit = async (directory: string, prefix: string, depth: number): Promise<void> => {
    ensure(depth <= deepest, source, `parquet files within ${deepest} directories`, 'deeper ones');
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const [file, name] = [path.join(directory, entry.name), prefix + entry.name];
      if (entry.isDirectory()) await visit(file, `${name}/`, depth + 1);
      else if (/\.parquet$/i.test(entry.name)) found.push({ path: file, name });
      ensure(found.length <= mostFiles, source, `at most ${mostFiles} parquet files`, 'more');
    }
  };
  await visit(source, '', 0);
  ensure(found.length > 0, source, 'parquet files', 'none', 'is it another directory?');
  return found;
}

/** The files of one split. */
interface Part {
  readonly files: readonly ParquetFile[];
  readonly columns: ImageColumns;
  /** First row of each file, and the number of all rows at the end. */
  readonly starts: readonly number[];
  readonly version: string;
}

function openPart(group: readonly CollectionFile[], options: OpenOptions): Part {
  const files = group.map((file) => openParquetFile(file.path, file.name));
  const [first, ...others] = files as [ParquetFile, ...ParquetFile[]];
  const columns = chooseColumns(first, options);
  const starts = [0];
  for (const { rows } of files) starts.push((starts.at(-1) as number) + rows);
  ensure((starts.at(-1) as number) > 0, first.name, 'at least one row', 'none');
  for (const file of others)
    assertSame(file.name, chooseColumns(file, options), first.name, columns);
  const lines = group.map(({ path: file, name }, at) => {
    const { size, mtimeMs } = statSync(file);
    return [name, size, mtimeMs, (files[at] as ParquetFile).footerHash].join(' ');
  });
  const text = [columns.image.name, ...lines].join('\n');
  const version = hashBytes([new TextEncoder().encode(text)], 'sha256');
  return { files, columns, starts, version };
}

/** Takes the column of labels that was found by its values, if a split has it in all its files. */
function withLabel(part: Part, { name }: TopColumn): Part {
  const { files, columns } = part;
  if (columns.label !== undefined) return part;
  const labels = files.map((file) => file.columns.find((column) => column.name === name));
  const [label, ...others] = labels;
  others.forEach((other, at) => {
    const [own, first] = [files[at + 1]?.name as string, files[0]?.name as string];
    assertSame(own, { ...columns, label: other }, first, { ...columns, label });
  });
  return { ...part, columns: { ...columns, label } };
}

/** Throws unless a split has the columns of the train split; its labels may be missing. */
function assertSameColumns({ files, columns }: Part, train: Part): void {
  const expected = columns.label === undefined ? undefined : train.columns.label;
  const [name, trainName] = [files[0]?.name as string, train.files[0]?.name as string];
  assertSame(name, columns, trainName, { image: train.columns.image, label: expected });
}

function assertSame(
  name: string,
  columns: ImageColumns,
  otherName: string,
  others: ImageColumns,
): void {
  const show = ({ image, label }: ImageColumns): string => {
    const classes = label?.classNames === undefined ? '' : ` of ${label.classNames.join(', ')}`;
    return `${image.name} and ${label === undefined ? 'no labels' : `${label.name}${classes}`}`;
  };
  const remedy = `all files of one dataset have the same; ${otherName} has others`;
  const [got, expected] = [show(columns), show(others)];
  ensure(got === expected, name, `the columns ${shorten(expected)}`, shorten(got), remedy);
}

function shorten(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

function nameOf({ files, starts }: Part, index: number): string {
  const at = fileOf(starts, index);
  return `row ${index - (starts[at] as number)} of ${(files[at] as ParquetFile).name}`;
}

/** Returns the position of the file that holds a row. */
function fileOf(starts: readonly number[], index: number): number {
  let [low, high] = [0, starts.length - 2];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((starts[middle + 1] as number) <= index) low = middle + 1;
    else high = middle;
  }
  return low;
}

function imageSplit(part: Part, column: string, labels: Int32Array): ImageSplit {
  const { files, columns, starts, version } = part;
  const isStruct = columns.image.kind === 'image';
  /** The two files that were read last: each keeps pages in memory. */
  let recent: readonly { readonly file: ParquetFile; readonly bytes: ParquetColumn }[] = [];
  const openColumn = (file: ParquetFile): ParquetColumn => {
    const found = recent.find((other) => other.file === file);
    if (found !== undefined) return found.bytes;
    const bytes = isStruct ? file.column(column, 'bytes') : file.column(column);
    recent = [{ file, bytes }, ...recent.slice(0, 1)];
    return bytes;
  };
  return {
    count: labels.length,
    labels,
    version,
    nameOf: (index) => nameOf(part, index),
    async read(index): Promise<StoredImage> {
      const at = fileOf(starts, index);
      const row = index - (starts[at] as number);
      const file = files[at] as ParquetFile;
      const value = openColumn(file).read(row);
      if (value instanceof Uint8Array) return { encoded: Uint8Array.from(value) };
      const outside =
        isStruct && file.hasPart(column, 'path') ? file.column(column, 'path').read(row) : null;
      throw expectedError(
        `row ${row} of ${file.name}: ${column}`,
        'the bytes of an image file',
        typeof outside === 'string' ? `the path ${outside} alone` : 'null',
        "save with the bytes inside: to_parquet and push_to_hub of Python's datasets embed them",
      );
    },
  };
}
