import sharp from 'sharp';
import type {
  ImageCollection,
  ImageSplit,
  StoredImage,
} from '../../src/node/collections/imageCollection.ts';

/** A collection in memory that counts how often its images are read. */
export interface CountedCollection extends ImageCollection {
  readonly reads: number[];
}

/** A PNG whose pixels are those of `countedPixels`. */
export async function countedPng(
  index: number,
  height: number,
  width: number,
): Promise<StoredImage> {
  const raw = { width, height, channels: 3 } as const;
  const png = await sharp(countedPixels(index, height, width), { raw })
    .png()
    .toBuffer();
  return { encoded: new Uint8Array(png) };
}

/** uint8 [height, width, 3] flattened, different for every index. */
export function countedPixels(
  index: number,
  height: number,
  width: number,
): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: height * width * 3 }, (_, at) => (at * 7 + index * 31) % 256);
}

/** A collection of given images, `image 0.png` and so on, for training. */
export function collectionOf(
  images: readonly StoredImage[],
  {
    version = `version ${images.length}`,
    onRead,
  }: {
    version?: string;
    onRead?: (index: number) => void;
  } = {},
): CountedCollection {
  const reads: number[] = [];
  const train: ImageSplit = {
    count: images.length,
    labels: Int32Array.from(images, (_, index) => index % 3),
    nameOf: (index) => `image ${index}.png`,
    async read(index) {
      onRead?.(index);
      reads.push(index);
      return images[index] as StoredImage;
    },
    version,
  };
  return {
    source: '/data/flowers/',
    classNames: ['aster', 'daisy', 'rose'],
    splits: { train },
    warnings: [],
    close: async () => {},
    reads,
  };
}
