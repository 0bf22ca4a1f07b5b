import { type DatasetInfo, ensure, expectedError, sha256 } from '@kd/core';
import { type ImageRows, memoryRows } from './imageRows.ts';

/**
 * Images of one shape with labels, one byte per channel. A subset shares the images of the whole
 * dataset and differs in `indices` only.
 */
export interface ImageDataset extends DatasetInfo {
  /** The images of the whole dataset. */
  readonly images: ImageRows;
  /** [images] of the whole dataset, 0 ≤ label < classNames.length; −1 for one without a label. */
  readonly labels: Uint8Array | Int32Array;
  /** Images of the whole dataset that belong to this one, ascending. */
  readonly indices: Int32Array;
}

/** Contents of an image dataset. */
export interface ImageDatasetOptions {
  /**
   * 0–255, [images, height, width, channels] flattened, a Uint8Array is not copied; or rows that
   * are read one at a time.
   */
  readonly pixels: ArrayLike<number> | ImageRows;
  /** [images], whole numbers from 0, −1 for an image without a label; none have one if left out. */
  readonly labels?: ArrayLike<number>;
  /** [height, width, channels]. */
  readonly imageShape: readonly [number, number, number];
  /** Name of each label. */
  readonly classNames: readonly string[];
  /** Name for people: `CIFAR-10 train`; `images`. */
  readonly name?: string;
}

/**
 * Creates a dataset of your own images and labels.
 * @throws RangeError that names the first part that does not fit the others.
 */
export function imageDataset({
  pixels,
  labels: givenLabels,
  imageShape,
  classNames,
  name = 'images',
}: ImageDatasetOptions): ImageDataset {
  const caller = `imageDataset '${name}'`;
  ensure(
    imageShape.length === 3 && imageShape.every(isCount),
    caller,
    'imageShape [height, width, channels] of whole numbers ≥ 1',
    imageShape,
  );
  ensure(classNames.length > 0, caller, 'at least one class name', classNames.length);
  const imageSize = imageShape[0] * imageShape[1] * imageShape[2];
  const images = 'read' in pixels ? pixels : memoryRows(checkPixels(pixels, caller), imageSize);
  const labels = givenLabels ?? new Int32Array(images.count).fill(-1);
  ensure(labels.length > 0, caller, 'at least one image', 'an empty set');
  if (images.count !== labels.length) {
    const expected = `${labels.length * imageSize} pixels (${labels.length} labels × ${imageShape.join(' × ')})`;
    const got = images.count * imageSize;
    throw expectedError(caller, expected, got, 'each image needs one label');
  }
  const checkedLabels = checkLabels(labels, classNames.length, caller);
  let cached: Promise<string> | undefined;
  return {
    name,
    classNames: [...classNames],
    imageShape: [...imageShape],
    images,
    labels: checkedLabels,
    indices: Int32Array.from({ length: labels.length }, (_, index) => index),
    fingerprint: () => {
      cached ??= computeFingerprint(images, checkedLabels, imageShape, classNames.length);
      return cached;
    },
  };
}

function checkPixels(pixels: ArrayLike<number>, caller: string): Uint8Array {
  if (pixels instanceof Uint8Array) return pixels;
  const bytes = new Uint8Array(pixels.length);
  for (let at = 0; at < pixels.length; at++) {
    const value = pixels[at] as number;
    const remedy = 'pixels that run from 0 to 1 must be multiplied by 255 and rounded';
    if (!(Number.isInteger(value) && value >= 0 && value <= 255))
      throw expectedError(caller, 'whole pixels 0–255', `${value} at position ${at}`, remedy);
    bytes[at] = value;
  }
  return bytes;
}

function checkLabels(
  labels: ArrayLike<number>,
  classes: number,
  caller: string,
): Uint8Array | Int32Array {
  const checked = Int32Array.from({ length: labels.length }, (_, index) => {
    const label = labels[index] as number;
    const fits = Number.isInteger(label) && label >= -1 && label < classes;
    if (!fits)
      throw expectedError(
        caller,
        `whole labels 0–${classes - 1} (${classes} class names), or −1 for none`,
        `${label} for image ${index}`,
      );
    return label;
  });
  return classes <= 256 && !checked.includes(-1) ? Uint8Array.from(checked) : checked;
}

/**
 * Hashes pixels and labels. Labels are hashed as bytes or int32 depending on the number of classes,
 * which is hashed too, so that equal hashes mean equal datasets.
 */
async function computeFingerprint(
  images: ImageRows,
  labels: Uint8Array | Int32Array,
  imageShape: readonly number[],
  classes: number,
): Promise<string> {
  const labelBytes = new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength);
  const parts = [imageShape.join('×'), classes, await images.hash(), await sha256(labelBytes)];
  return sha256(new TextEncoder().encode(parts.join(' ')));
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 1;
}
