import { formatInteger } from '@kd/core/internal';
import { pixelRecipes } from '@kd/data';
import { decodeImages, type ImageCollection, openImages } from '@kd/data/node';
import type { DatasetLoader, DatasetLoadOptions, LoadedDataset } from './dataset.ts';

/** Recipes of `pixelRecipes`, by name. */
export type RecipeName = keyof typeof pixelRecipes;

/** Images of one's own and how they are read: all that it takes to have the same ones again. */
export interface ImageSource {
  /** A path, relative to where `kd` was started, or an address. */
  readonly source: string;
  /** Side of the squares in pixels; `asGiven`: the images keep their shape. */
  readonly size: number | 'asGiven';
  readonly recipe: RecipeName;
  readonly imageColumn?: string;
  readonly labelColumn?: string;
  /** Present where images that cannot be decoded are left out. */
  readonly skipBroken?: true;
}

/** What is known of images before it is decided how they are read. */
export type ImageOrigin = Pick<ImageSource, 'source' | 'imageColumn' | 'labelColumn'>;

/** Opens images. @throws RangeError in one line on what they have wrong. */
export function openSource(
  { source, imageColumn, labelColumn }: ImageOrigin,
  services: DatasetLoadOptions,
): Promise<ImageCollection> {
  return openImages(source, {
    ...services,
    ...(imageColumn !== undefined && { imageColumn }),
    ...(labelColumn !== undefined && { labelColumn }),
  });
}

/** Decodes opened images, or takes them from the cache. Gray ones become red, green and blue. */
export async function decodeSource(
  collection: ImageCollection,
  { size, recipe, skipBroken }: ImageSource,
  services: DatasetLoadOptions,
): Promise<LoadedDataset> {
  const loaded = await decodeImages(collection, {
    ...services,
    size,
    recipe: pixelRecipes[recipe],
    channels: 3,
    skipBroken: skipBroken === true,
  });
  const { broken, warnings, ...images } = loaded;
  const names = broken.slice(0, 5).map(({ name, reason }) => `${name} (${reason})`);
  const others = broken.length - names.length;
  const list = [...names, ...(others > 0 ? [`${formatInteger(others)} others`] : [])].join(', ');
  return {
    ...images,
    warnings:
      broken.length === 0
        ? warnings
        : [
            ...warnings,
            `${formatInteger(broken.length)} left out, which cannot be decoded: ${list}`,
          ],
  };
}

/** Creates the loader of a source, for runs that are gone on with or evaluated. */
export function imageLoader(source: ImageSource): DatasetLoader {
  return async (services) => {
    const collection = await openSource(source, services);
    try {
      return await decodeSource(collection, source, services);
    } finally {
      await collection.close();
    }
  };
}
