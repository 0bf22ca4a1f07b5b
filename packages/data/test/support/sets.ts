import { type ImageDataset, imageDataset } from '../../src/index.ts';

/** Pictures whose every byte differs from its neighbours'. Labels go round the classes. */
export function countingSet({
  pictures,
  side = 8,
  channels = 3,
  classes = 10,
}: {
  pictures: number;
  side?: number;
  channels?: number;
  classes?: number;
}): ImageDataset {
  const size = side * side * channels;
  return imageDataset({
    name: 'counting',
    pixels: Uint8Array.from(
      { length: pictures * size },
      (_, at) => (at * 37 + Math.floor(at / 251)) % 256,
    ),
    labels: Uint8Array.from({ length: pictures }, (_, row) => row % classes),
    imageShape: [side, side, channels],
    classNames: Array.from({ length: classes }, (_, label) => `class ${label}`),
  });
}
