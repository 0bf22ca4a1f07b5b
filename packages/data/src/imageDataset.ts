import { type DatasetInfo, ensure, expectedError, sha256 } from '@kd/core';

/**
 * Labelled images in memory, one byte per channel. A subset shares the pixels of the whole dataset
 * and differs in `indices` only.
 */
export interface ImageDataset extends DatasetInfo {
  /**
   * uint8 [images, height, width, channels] of the whole dataset. They must not be changed.
   */
  readonly pixels: Uint8Array;
  /** [images] of the whole dataset, 0 ≤ label < classNames.length. */
  readonly labels: Uint8Array | Int32Array;
  /** Images of the whole dataset that belong to this one, ascending. */
  readonly indices: Int32Array;
}

/** Contents of an image dataset. */
export interface ImageDatasetOptions {
  /**
   * 0–255, [images, height, width, channels] flattened. A Uint8Array is not copied.
   */
  readonly pixels: ArrayLike<number>;
  /** [images], whole numbers from 0. */
  readonly labels: ArrayLike<number>;
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
  labels,
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
  ensure(labels.length > 0, caller, 'at least one image', 'an empty set');
  const imageSize = imageShape[0] * imageShape[1] * imageShape[2];
  if (pixels.length !== labels.length * imageSize) {
    const expected = `${labels.length * imageSize} pixels (${labels.length} labels × ${imageShape.join(' × ')})`;
    throw expectedError(caller, expected, pixels.length, 'each image needs one label');
  }
  const checkedPixels = checkPixels(pixels, caller);
  const checkedLabels = checkLabels(labels, classNames.length, caller);
  let cached: Promise<string> | undefined;
  return {
    name,
    classNames: [...classNames],
    imageShape: [...imageShape],
    pixels: checkedPixels,
    labels: checkedLabels,
    indices: Int32Array.from({ length: labels.length }, (_, index) => index),
    fingerprint: () => {
      cached ??= computeFingerprint(checkedPixels, checkedLabels, imageShape, classNames.length);
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
  const checked = classes <= 256 ? new Uint8Array(labels.length) : new Int32Array(labels.length);
  for (let index = 0; index < labels.length; index++) {
    const label = labels[index] as number;
    const fits = Number.isInteger(label) && label >= 0 && label < classes;
    if (!fits)
      throw expectedError(
        caller,
        `whole labels 0–${classes - 1} (${classes} class names)`,
        `${label} for image ${index}`,
      );
    checked[index] = label;
  }
  return checked;
}

/**
 * Hashes pixels and labels. Labels are hashed as bytes or int32 depending on the number of classes,
 * which is hashed too, so that equal hashes mean equal datasets.
 */
async function computeFingerprint(
  pixels: Uint8Array,
  labels: Uint8Array | Int32Array,
  imageShape: readonly number[],
  classes: number,
): Promise<string> {
  const labelBytes = new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength);
  const parts = [imageShape.join('×'), classes, await sha256(pixels), await sha256(labelBytes)];
  return sha256(new TextEncoder().encode(parts.join(' ')));
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 1;
}
