import { type DatasetInfo, ensure, expectedError, sha256 } from '@kd/core';

/**
 * Labelled pictures in memory, one byte a channel. A split of a set shares its pixels and differs
 * in `rows` only.
 */
export interface ImageDataset extends DatasetInfo {
  /**
   * uint8 [pictures, height, width, channels] of the whole set, row by row. Not to be written to.
   */
  readonly pixels: Uint8Array;
  /** [pictures] of the whole set, 0 ≤ label < classNames.length. */
  readonly labels: Uint8Array | Int32Array;
  /** Which rows of the whole set belong to this one, ascending. */
  readonly rows: Int32Array;
}

/** What `imageDataset` is made from. */
export interface ImageDatasetOptions {
  /**
   * 0–255, [pictures, height, width, channels] flattened. A Uint8Array is taken as it is, not
   * copied.
   */
  readonly pixels: ArrayLike<number>;
  /** [pictures], whole numbers from 0. */
  readonly labels: ArrayLike<number>;
  /** [height, width, channels]. */
  readonly imageShape: readonly [number, number, number];
  /** One for each label. */
  readonly classNames: readonly string[];
  /** For people: `CIFAR-10 train`. */
  readonly name?: string;
}

/**
 * Pictures and labels of your own as an image set.
 * @throws RangeError where the parts do not fit together; it names the first that does not.
 */
export function imageDataset({
  pixels,
  labels,
  imageShape,
  classNames,
  name = 'pictures',
}: ImageDatasetOptions): ImageDataset {
  const where = `imageDataset '${name}'`;
  ensure(
    imageShape.length === 3 && imageShape.every(isCount),
    where,
    'imageShape [height, width, channels] of whole numbers ≥ 1',
    imageShape,
  );
  ensure(classNames.length > 0, where, 'at least one class name', classNames.length);
  ensure(labels.length > 0, where, 'at least one picture', 'an empty set');
  const pictureSize = imageShape[0] * imageShape[1] * imageShape[2];
  if (pixels.length !== labels.length * pictureSize) {
    const expected = `${labels.length * pictureSize} pixels (${labels.length} labels × ${imageShape.join(' × ')})`;
    throw expectedError(where, expected, pixels.length, 'each picture needs one label');
  }
  const checkedPixels = asBytes(pixels, where);
  const checkedLabels = asLabels(labels, classNames.length, where);
  let known: Promise<string> | undefined;
  return {
    name,
    classNames: [...classNames],
    imageShape: [...imageShape],
    pixels: checkedPixels,
    labels: checkedLabels,
    rows: Int32Array.from({ length: labels.length }, (_, row) => row),
    fingerprint: () => {
      known ??= hashOf(checkedPixels, checkedLabels, imageShape, classNames.length);
      return known;
    },
  };
}

function asBytes(pixels: ArrayLike<number>, caller: string): Uint8Array {
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

function asLabels(
  labels: ArrayLike<number>,
  classes: number,
  caller: string,
): Uint8Array | Int32Array {
  const checked = classes <= 256 ? new Uint8Array(labels.length) : new Int32Array(labels.length);
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row] as number;
    const fits = Number.isInteger(label) && label >= 0 && label < classes;
    if (!fits)
      throw expectedError(
        caller,
        `whole labels 0–${classes - 1} (${classes} class names)`,
        `${label} for picture ${row}`,
      );
    checked[row] = label;
  }
  return checked;
}

/**
 * Labels are hashed as bytes or int32 depending on the number of classes, which is hashed too, so
 * that equal hashes mean equal sets.
 */
async function hashOf(
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
