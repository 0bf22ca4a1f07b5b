import { createHash } from 'node:crypto';
import { existsSync, realpathSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ensure, expectedError } from '@kd/core';
import { parse } from 'csv-parse/sync';
import { numberClasses, type RawLabels } from './columnLabels.ts';
import type { ImageCollection, ImageSplit, OpenOptions } from './imageCollection.ts';
import { mapSplits, requireTrain, type SplitName, splitOfWord } from './splitNames.ts';

/** Bytes of a table. */
const mostBytes = 2 ** 29;
const fileNames = ['file', 'filename', 'file_name', 'path', 'filepath', 'image', 'image_id', 'id'];
const labelNames = ['label', 'labels', 'class', 'class_name', 'category', 'target', 'y'];
const splitNames = ['split', 'set', 'subset', 'partition'];
/** Endings that are tried where the table has none. */
const endings = ['.jpg', '.jpeg', '.png', '.webp', '.avif', '.JPG', '.JPEG', '.PNG'];

interface Row {
  /** Path below the table's directory, with `/`. */
  readonly file: string;
  readonly label: string | number | null;
  readonly size: number;
  readonly changed: number;
  readonly line: number;
}

/**
 * Opens pictures that a table lists: a `.csv` or `.tsv` file with a line of names, a column of
 * paths below its directory and a column of labels, and where there is one, a column of splits.
 * Comma, semicolon and tab are told apart. Labels are names, or whole numbers; an image without one
 * has no label. Paths may lack the ending of the file.
 * @throws RangeError that names the table, the line and what was expected.
 */
export async function openCsv(file: string, options: OpenOptions = {}): Promise<ImageCollection> {
  const { size } = statSync(file);
  ensure(size <= mostBytes, file, `a table of at most ${mostBytes} bytes`, size);
  const { header, lines } = parseTable(await readFile(file, 'utf8'), file);
  const column = {
    file: findColumn(
      header,
      options.imageColumn,
      fileNames,
      'files',
      file,
      'imageColumn (--image-column)',
    ),
    label: findColumn(
      header,
      options.labelColumn,
      labelNames,
      'labels',
      file,
      'labelColumn (--label-column)',
    ),
    split: header.findIndex((name) => splitNames.includes(name.toLowerCase())),
  };
  const root = realpathSync(path.dirname(file));
  const rows: Partial<Record<SplitName, Row[]>> = {};
  const missing: string[] = [];
  const seen = new Map<string, Row>();
  lines.forEach((cells, at) => {
    const line = at + 2;
    const caller = `${file}, line ${line}`;
    const listed = (cells[column.file] ?? '').trim();
    const found = findFile(root, listed, caller);
    if (found === undefined) {
      missing.push(`${listed} (line ${line})`);
      return;
    }
    const row: Row = { ...found, label: toLabel(cells[column.label] ?? ''), line };
    const other = seen.get(row.file);
    ensure(
      other === undefined,
      caller,
      'each file once',
      `${row.file} again, as in line ${other?.line}`,
      'remove one of the lines',
    );
    seen.set(row.file, row);
    const split = column.split < 0 ? 'train' : readSplit(cells[column.split] ?? '', caller);
    const list = rows[split] ?? [];
    list.push(row);
    rows[split] = list;
  });
  if (missing.length > 0)
    throw expectedError(
      file,
      `the files that it lists, below ${root}`,
      `none at ${missing.slice(0, 3).join(', ')}${missing.length > 3 ? ` and ${missing.length - 3} more` : ''}`,
      'paths are taken from the directory of the table',
    );
  const found = requireTrain<Row[]>(rows, file);
  const raw = mapSplits<Row[], RawLabels>(found, (list) => ({
    values: list.map(({ label }) => label),
    nameOf: (index) => `${list[index]?.file} (line ${list[index]?.line})`,
  }));
  const classes = numberClasses(asTexts(raw), undefined, `${file}: ${header[column.label]}`);
  ensure(
    classes.classNames.length >= 2,
    `${file}: ${header[column.label]}`,
    'at least two classes',
    classes.classNames,
  );
  const splits = mapSplits<Row[], ImageSplit>(found, (list, split) =>
    openSplit(root, list, classes.labels[split] as Int32Array),
  );
  return {
    source: file,
    classNames: classes.classNames,
    splits: requireTrain<ImageSplit>(splits, file),
    warnings: classes.warnings,
    close: async () => {},
  };
}

function parseTable(
  text: string,
  file: string,
): { readonly header: readonly string[]; readonly lines: readonly string[][] } {
  const first = text.slice(0, text.search(/[\r\n]|$/));
  const counts = [',', ';', '\t'].map((mark) => [mark, first.split(mark).length] as const);
  const [delimiter] = counts.reduce((most, one) => (one[1] > most[1] ? one : most));
  let table: string[][];
  try {
    table = parse(text, {
      bom: true,
      delimiter,
      relax_column_count_more: false,
      skip_empty_lines: true,
      trim: true,
      max_record_size: 2 ** 20,
    });
  } catch (cause) {
    throw expectedError(file, 'a table of lines with equally many cells', (cause as Error).message);
  }
  const [header = [], ...lines] = table;
  ensure(lines.length > 0, file, 'a line of names and a line for each image', 'none');
  return { header, lines };
}

function findColumn(
  header: readonly string[],
  wanted: string | undefined,
  usual: readonly string[],
  meaning: string,
  file: string,
  option: string,
): number {
  const names = wanted === undefined ? usual : [wanted];
  for (const name of names) {
    const at = header.findIndex((each) =>
      wanted === undefined ? each.toLowerCase() === name : each === name,
    );
    if (at >= 0) return at;
  }
  throw expectedError(
    file,
    wanted === undefined ? `a column of ${meaning} (${usual.join(', ')})` : `the column ${wanted}`,
    header,
    `name one of these with ${option}`,
  );
}

/** Finds a listed file inside the table's directory; undefined: there is none. */
function findFile(
  root: string,
  listed: string,
  caller: string,
): Pick<Row, 'file' | 'size' | 'changed'> | undefined {
  ensure(listed !== '', caller, 'the path of a picture', 'nothing');
  const location = path.resolve(root, listed);
  const isInside = location.startsWith(root + path.sep);
  ensure(
    isInside,
    caller,
    `a path below ${root}`,
    listed,
    'place the table above its pictures, with paths from there',
  );
  const found = ['', ...(path.extname(listed) === '' ? endings : [])]
    .map((ending) => location + ending)
    .find((each) => existsSync(each));
  if (found === undefined) return undefined;
  const real = realpathSync(found);
  ensure(real.startsWith(root + path.sep), caller, `a file below ${root}`, `a link to ${real}`);
  const stats = statSync(real);
  ensure(stats.isFile(), caller, 'a picture', `${listed}, which is no file`);
  const below = path.relative(root, found).split(path.sep).join('/');
  return { file: below, size: stats.size, changed: stats.mtimeMs };
}

function readSplit(text: string, caller: string): SplitName {
  const split = splitOfWord(text.trim());
  if (split === undefined)
    throw expectedError(caller, 'a split: train, validation or test', text, 'name it so');
  return split;
}

function toLabel(text: string): string | number | null {
  const trimmed = text.trim();
  if (trimmed === '') return null;
  return /^-?\d{1,15}$/.test(trimmed) ? Number(trimmed) : trimmed;
}

/** Where some labels are names, all are: `7` beside `cat` is a name too. */
function asTexts(
  raw: Partial<Record<SplitName, RawLabels>>,
): Partial<Record<SplitName, RawLabels>> {
  const isText = Object.values(raw).some(({ values }) =>
    values.some((value) => typeof value === 'string'),
  );
  if (!isText) return raw;
  return mapSplits<RawLabels, RawLabels>(raw, ({ values, nameOf }) => ({
    nameOf,
    values: values.map((value) => (value === null ? null : String(value))),
  }));
}

function openSplit(root: string, rows: readonly Row[], labels: Int32Array): ImageSplit {
  const hash = createHash('sha256');
  for (const { file, size, changed } of rows)
    hash.update(`${JSON.stringify([file, size, changed])}\n`);
  const nameOf = (index: number) => (rows[index] as Row).file;
  return {
    count: rows.length,
    labels,
    nameOf,
    async read(index) {
      const { buffer, byteOffset, byteLength } = await readFile(path.join(root, nameOf(index)));
      return { encoded: new Uint8Array(buffer, byteOffset, byteLength) };
    },
    version: hash.digest('hex'),
  };
}
