import { type ImageDataset, imageDataset } from '../../src/index.ts';

/** Creates a dataset whose bytes differ from their neighbours; labels cycle through the classes. */
export function countingDataset({
  images,
  side = 8,
  channels = 3,
  classes = 10,
}: {
  images: number;
  side?: number;
  channels?: number;
  classes?: number;
}): ImageDataset {
  const size = side * side * channels;
  return imageDataset({
    name: 'counting',
    pixels: Uint8Array.from(
      { length: images * size },
      (_, at) => (at * 37 + Math.floor(at / 251)) % 256,
    ),
    labels: Uint8Array.from({ length: images }, (_, index) => index % classes),
    imageShape: [side, side, channels],
    classNames: Array.from({ length: classes }, (_, label) => `class ${label}`),
  });
}

/** All pixels of a dataset in one array. */
export function allPixels({ images }: ImageDataset): Uint8Array {
  return Uint8Array.from(
    Buffer.concat(Array.from({ length: images.count }, (_, index) => images.read(index).slice())),
  );
}
