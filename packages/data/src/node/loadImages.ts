import type { OpenOptions } from './collections/imageCollection.ts';
import { openImages } from './collections/openImages.ts';
import { type DecodeOptions, decodeImages, type LoadedImages } from './decoding/decodeImages.ts';

/** Options of `loadImages`. */
export type LoadImagesOptions = OpenOptions & DecodeOptions;

/**
 * Opens images of one's own and decodes them: a directory of class directories, parquet files,
 * arrays. `const { train, test } = await loadImages('flowers', { size: 64 })`.
 * @throws RangeError as `openImages` and `decodeImages` do.
 */
export async function loadImages(
  source: string,
  options: LoadImagesOptions = {},
): Promise<LoadedImages> {
  const collection = await openImages(source, options);
  try {
    return await decodeImages(collection, options);
  } finally {
    await collection.close();
  }
}

/**
 * Loads a directory of pictures, a directory a class, with `train`, `val` and `test` above them
 * where they are: `loadImages` for what people have most.
 */
export function imageFolder(
  directory: string,
  options: LoadImagesOptions = {},
): Promise<LoadedImages> {
  return loadImages(directory, options);
}
