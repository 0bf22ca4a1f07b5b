import { pixelRecipes } from '../../pixels/recipes.ts';
import type { ImageCollection, ImageSplit, StoredImage } from '../collections/imageCollection.ts';
import { prepareImage } from '../decoding/prepareImage.ts';
import { probeImage } from '../decoding/probeImage.ts';
import type { ImageInspection, SplitName } from './imageInspection.ts';
import { type InspectedSplit, type OpenedImage, pixelFormat } from './inspectedSplit.ts';
import { type InspectOptions, inspectSplits } from './inspectSplits.ts';

/**
 * Inspects the images of a collection at the sizes that they have: counts, sizes, kinds of files,
 * mean and deviation, duplicates, broken files, and pictures of each class.
 *
 * Images are read once, in order; memory is that of a few decoded images, and a hash for each one.
 * @throws The signal's reason.
 */
export async function inspectImages(
  collection: Pick<ImageCollection, 'source' | 'classNames' | 'splits' | 'warnings'>,
  options: InspectOptions = {},
): Promise<ImageInspection> {
  const { source, classNames, warnings } = collection;
  const splits = (['train', 'validation', 'test'] as const).flatMap((name) => {
    const split = collection.splits[name];
    return split === undefined ? [] : [splitOfCollection(name, split)];
  });
  return inspectSplits({ source, classNames, splits, warnings }, options);
}

function splitOfCollection(name: SplitName, split: ImageSplit): InspectedSplit {
  return {
    split: name,
    count: split.count,
    labelOf: (index) => split.labels[index] ?? -1,
    nameOf: (index) => split.nameOf(index),
    open: async (index) => openStored(await split.read(index), split.nameOf(index)),
  };
}

const asGiven = { size: 'asGiven', recipe: pixelRecipes.torchvision, channels: 3 } as const;

async function openStored(stored: StoredImage, name: string): Promise<OpenedImage> {
  return {
    ...('encoded' in stored ? await describeFile(stored.encoded, name) : describePixels(stored)),
    async decode() {
      const { pixels, shape, notes } = await prepareImage(stored, name, asGiven);
      return { pixels, height: shape[0], width: shape[1], channels: shape[2], notes };
    },
  };
}

function describePixels({ shape }: Extract<StoredImage, { readonly pixels: unknown }>) {
  const [height, width, channels] = shape;
  return { height, width, format: pixelFormat(channels) };
}

const colors = { gray: 'gray', rgb: 'RGB', palette: 'palette', cmyk: 'CMYK' } as const;

async function describeFile(encoded: Uint8Array, name: string) {
  const { format, color, transparent, bits, height, width } = await probeImage(encoded, name);
  const type = format === 'webp' ? 'WebP' : format.toUpperCase();
  const alpha = transparent ? ' with alpha' : '';
  return { height, width, format: `${type}, ${colors[color]}${alpha}, ${bits} bits` };
}
