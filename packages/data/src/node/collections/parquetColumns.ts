import { ensure, expectedError } from '@kd/core';
import type { OpenOptions } from './imageCollection.ts';
import type { ParquetFile, TopColumn } from './parquetFile.ts';

/** The columns that a collection is read from. */
export interface ImageColumns {
  readonly image: TopColumn;
  /** undefined: none in this file. */
  readonly label: TopColumn | undefined;
}

const imageNames = ['image', 'img', 'images', 'picture', 'photo', 'jpg', 'jpeg', 'png', 'webp'];
const labelNames = ['label', 'labels', 'fine_label', 'class', 'category', 'target', 'y', 'cls'];

/**
 * Chooses the columns of images and labels: those of the options, or else those that `datasets`
 * notes as `Image` and `ClassLabel`, or else by type and usual name.
 * @throws RangeError that names the file, what was wanted, and the columns that are there.
 */
export function chooseColumns(file: ParquetFile, options: OpenOptions): ImageColumns {
  const image = chooseImage(file, options.imageColumn);
  const label = chooseLabel(file, options.labelColumn, image);
  return { image, label };
}

function chooseImage({ name, columns }: ParquetFile, wanted: string | undefined): TopColumn {
  if (wanted !== undefined) {
    const column = findColumn(columns, wanted, 'imageColumn, --image-column', name);
    assertImages(column, name);
    return column;
  }
  const noted = columns.filter(({ feature }) => feature === 'Image');
  const typed = columns.filter(({ kind }) => kind === 'image');
  const binary = columns.filter(({ kind }) => kind === 'bytes');
  const candidates = [noted, typed, binary].find((found) => found.length > 0) ?? [];
  const image = pick(candidates, imageNames);
  if (image !== undefined) {
    assertImages(image, name);
    return image;
  }
  if (candidates.length > 1)
    throw expectedError(
      name,
      'one column of images',
      candidates.map((column) => column.name),
      `choose with imageColumn: '${candidates[0]?.name}' (--image-column)`,
    );
  const remedy =
    "images are read from bytes of files: save with a column of the type Image of Python's datasets";
  throw expectedError(name, 'a column of images', describeColumns(columns), remedy);
}

function chooseLabel(
  { name, columns }: ParquetFile,
  wanted: string | undefined,
  image: TopColumn,
): TopColumn | undefined {
  if (wanted !== undefined) {
    const column = findColumn(columns, wanted, 'labelColumn, --label-column', name);
    assertLabels(column, name);
    return column;
  }
  const others = columns.filter((column) => column !== image);
  const noted = others.filter(({ feature }) => feature === 'ClassLabel');
  const label = pick(noted, labelNames) ?? others.find((column) => isUsual(column, labelNames));
  if (label !== undefined) {
    assertLabels(label, name);
    return label;
  }
  if (noted.length > 1)
    throw expectedError(
      name,
      'one column of labels',
      noted.map((column) => column.name),
      `choose with labelColumn: '${noted[0]?.name}' (--label-column)`,
    );
  return undefined;
}

/** Returns the only candidate, or the one with the first usual name. */
function pick(candidates: readonly TopColumn[], usual: readonly string[]): TopColumn | undefined {
  if (candidates.length === 1) return candidates[0];
  for (const name of usual) {
    const found = candidates.find((column) => isUsual(column, [name]));
    if (found !== undefined) return found;
  }
  return undefined;
}

function isUsual({ name }: TopColumn, usual: readonly string[]): boolean {
  return usual.includes(name.toLowerCase());
}

function findColumn(
  columns: readonly TopColumn[],
  wanted: string,
  option: string,
  file: string,
): TopColumn {
  const column = columns.find(({ name }) => name === wanted);
  if (column === undefined)
    throw expectedError(
      file,
      `the column '${wanted}' (${option})`,
      describeColumns(columns),
      'name one of these',
    );
  return column;
}

function assertImages({ name, kind, feature }: TopColumn, file: string): void {
  const remedy =
    kind === 'text'
      ? "these are paths or URLs: save with the type Image of Python's datasets, which keeps the bytes"
      : "save one image a row with the type Image of Python's datasets";
  ensure(
    kind === 'image' || kind === 'bytes',
    `${file}: ${name}`,
    'bytes of image files, one image a row',
    feature ?? kind,
    remedy,
  );
}

function assertLabels({ name, kind, feature }: TopColumn, file: string): void {
  const fits = kind === 'integer' || kind === 'text' || kind === 'boolean' || kind === 'number';
  ensure(
    fits,
    `${file}: ${name}`,
    'one label a row: whole numbers, text or booleans',
    feature ?? kind,
    'several labels an image are not supported; choose another with labelColumn (--label-column)',
  );
}

/** Lists columns for a message: `id (integer), tags (other)`. */
export function describeColumns(columns: readonly TopColumn[]): string {
  return columns.map(({ name, kind, feature }) => `${name} (${feature ?? kind})`).join(', ');
}
