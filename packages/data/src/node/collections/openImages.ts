import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { expectedError } from '@kd/core';
import { openFolder } from './folder.ts';
import type { ImageCollection } from './imageCollection.ts';
import { openNpz } from './npz.ts';
import type { OpenOptions } from './options.ts';
import { openParquet } from './parquet.ts';

const understood = 'a directory with a directory for each class, or parquet, .npz or .npy files';

/**
 * Opens images of any origin that this package reads, by what the path is.
 * @param source A path.
 * @throws RangeError in one line that names the path, and the file in it, that does not fit.
 */
export async function openImages(
  source: string,
  options: OpenOptions = {},
): Promise<ImageCollection> {
  const caller = `openImages '${source}'`;
  if (/^https?:/.test(source))
    throw expectedError(caller, understood, 'an address', 'download it first');
  const found = await stat(source).catch((cause: NodeJS.ErrnoException) => {
    throw expectedError(
      caller,
      understood,
      cause.code === 'ENOENT' ? 'no such file' : cause.message,
      'check the path',
    );
  });
  if (found.isDirectory()) {
    if (await holds(source, ['', 'data'], /\.parquet$/i)) return openParquet(source, options);
    return (await holds(source, [''], /\.npy$/i)) ? openNpz(source, options) : openFolder(source);
  }
  if (/\.np[yz]$/i.test(source)) return openNpz(source, options);
  if (/\.parquet$/i.test(source)) return openParquet(source, options);
  throw expectedError(caller, understood, path.basename(source));
}

/** Whether there are files with such names in some directories below another. */
async function holds(
  directory: string,
  places: readonly string[],
  ending: RegExp,
): Promise<boolean> {
  for (const place of places) {
    const names = await readdir(path.join(directory, place)).catch(() => []);
    if (names.some((name) => ending.test(name))) return true;
  }
  return false;
}
