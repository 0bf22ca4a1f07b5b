/** Labels in a column of parquet files, and the choice of that column by its values. */
import { ensure } from '@kd/core';
import type { OpenOptions } from './imageCollection.ts';
import type { ParquetFile, TopColumn } from './parquetFile.ts';

/** A label as it is stored; null: none. */
export type StoredLabel = string | number | null;

/**
 * Reads the labels of a column, file after file.
 * @param column Name of the column; undefined: no row has a label.
 * @throws RangeError that names the file, the column and the row whose value is no label.
 */
export async function readLabels(
  files: readonly ParquetFile[],
  column: string | undefined,
  { createProgress, signal }: OpenOptions,
): Promise<readonly StoredLabel[]> {
  const total = files.reduce((sum, { rows }) => sum + rows, 0);
  if (column === undefined) return new Array<null>(total).fill(null);
  const values: StoredLabel[] = [];
  const progress = createProgress?.('read labels', total, 'rows');
  try {
    await visitValues(files, column, signal, (value, caller, row) => {
      values.push(toLabel(value, caller, row));
      if (row % pause === 0) progress?.update(values.length);
      return true;
    });
    progress?.update(values.length);
  } finally {
    progress?.end();
  }
  return values;
}

/**
 * Finds the only column besides the images that can be one of labels: whole numbers from 0 (or −1),
 * text that is no path and no address, or booleans, of two values at least. Where no file has a value
 * twice they are numbers or names of the rows. All values are read.
 * @returns undefined if there is none, or more than one.
 */
export async function findOnlyLabel(
  files: readonly ParquetFile[],
  image: TopColumn,
  { signal }: OpenOptions,
): Promise<TopColumn | undefined> {
  const found: TopColumn[] = [];
  for (const column of (files[0] as ParquetFile).columns) {
    const isTyped = ['integer', 'text', 'boolean'].includes(column.kind);
    const isEverywhere = files.every(({ columns }) =>
      columns.some(({ name, kind }) => name === column.name && kind === column.kind),
    );
    if (column.name === image.name || !isTyped || !isEverywhere) continue;
    if (await hasLabels(files, column.name, signal)) found.push(column);
    if (found.length > 1) return undefined;
  }
  return found[0];
}

/** Rows after which other work gets its turn. */
const pause = 65_536;
/** A column of more values is none of labels. */
const mostClasses = 100_000;
const address = /^[a-z][a-z\d+.-]*:\/\/|[/\\]|\.(?:avif|bmp|gif|jpe?g|png|tiff?|webp)$/i;

async function hasLabels(
  files: readonly ParquetFile[],
  column: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const all = new Set<unknown>();
  let [fits, repeats] = [true, false];
  for (const file of files) {
    const own = new Set<unknown>();
    await visitValues([file], column, signal, (value) => {
      if (value === null || Number(value) === -1) return true;
      if (typeof value === 'string') fits = !address.test(value);
      else if (typeof value !== 'boolean') fits = Number(value) >= 0;
      repeats ||= own.has(value);
      own.add(value);
      all.add(value);
      fits &&= all.size <= mostClasses;
      return fits;
    });
    if (!fits) return false;
  }
  return repeats && all.size >= 2;
}

/** Calls `visit` with each value in order, up to the first for which it returns false. */
async function visitValues(
  files: readonly ParquetFile[],
  column: string,
  signal: AbortSignal | undefined,
  visit: (value: unknown, caller: string, row: number) => boolean,
): Promise<void> {
  for (const file of files) {
    const values = file.column(column);
    for (let row = 0; row < file.rows; row++) {
      if (!visit(values.read(row), values.caller, row)) return;
      if (row % pause > 0) continue;
      await new Promise(setImmediate);
      signal?.throwIfAborted();
    }
  }
}

function toLabel(value: unknown, caller: string, row: number): StoredLabel {
  if (value === null || typeof value === 'string') return value;
  if (typeof value === 'boolean') return Number(value);
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  const number = Number(value);
  const isWhole =
    (typeof value === 'number' || typeof value === 'bigint') && Number.isSafeInteger(number);
  ensure(isWhole, caller, 'whole labels', `${String(value)} in row ${row}`);
  return number;
}
