/** The files of CIFAR's official archives: images of 32 × 32 pixels, in planes. */
import { ensure } from '@kd/core';
import { PickledArray, readArrays } from './numpyPickle.ts';

/** Images, labels or both of one file. */
export interface Part {
  /** uint8 [images, 32, 32, 3] flattened. */
  readonly pixels?: Uint8Array;
  /** [images]. */
  readonly labels?: Uint8Array;
}

/** Bytes of an image, 32 × 32 × 3. */
export const imageSize = 3072;

/**
 * Interleaves channel planes, as in CIFAR's own files.
 * @param at Position of the planes. @param target Position of the image in `pixels`.
 */
function interleave(planes: Uint8Array, at: number, pixels: Uint8Array, target: number): void {
  for (let position = 0; position < 1024; position++) {
    pixels[target + 3 * position] = planes[at + position] as number;
    pixels[target + 3 * position + 1] = planes[at + 1024 + position] as number;
    pixels[target + 3 * position + 2] = planes[at + 2048 + position] as number;
  }
}

/** The label bytes of a record. */
export interface RecordLabels {
  /** Bytes before the pixels: 1, or in CIFAR-100 2, the coarse label first. */
  readonly bytes: 1 | 2;
  /** Position of the label among them. */
  readonly at: 0 | 1;
  readonly classes: number;
}

/**
 * Reads a file of a binary archive: records of label bytes and 3 × 32 × 32 pixel bytes, red plane
 * first.
 */
export function readRecords(
  bytes: Uint8Array,
  { bytes: labelBytes, at, classes }: RecordLabels,
  caller: string,
): Required<Part> {
  const recordSize = labelBytes + imageSize;
  const whole = bytes.length > 0 && bytes.length % recordSize === 0;
  ensure(
    whole,
    caller,
    `whole records of ${recordSize} bytes`,
    `${bytes.length} bytes`,
    'it is cut short or something else',
  );
  const count = bytes.length / recordSize;
  const pixels = new Uint8Array(count * imageSize);
  const labels = new Uint8Array(count);
  for (let record = 0; record < count; record++) {
    const label = bytes[record * recordSize + at] as number;
    ensure(label < classes, caller, `labels 0–${classes - 1}`, `${label} in record ${record}`);
    labels[record] = label;
    interleave(bytes, record * recordSize + labelBytes, pixels, record * imageSize);
  }
  return { pixels, labels };
}

/**
 * Reads a file of a Python archive: a pickled dict whose `data` is uint8 [images, 3072], red
 * plane
 * first, and whose labels are a list.
 * @param labelKey `labels` in CIFAR-10; `fine_labels` or `coarse_labels` in CIFAR-100.
 */
export function readPythonBatch(
  bytes: Uint8Array,
  classes: number,
  labelKey: string,
  caller: string,
): Required<Part> {
  const batch = readArrays(bytes, caller);
  ensure(batch instanceof Map, caller, 'a pickled dict', 'another value');
  const data = batch.get('data');
  const list = batch.get(labelKey);
  ensure(data instanceof PickledArray, caller, "an array under 'data'", 'another value');
  ensure(Array.isArray(list), caller, `a list under '${labelKey}'`, 'another value');
  const [count] = data.shape;
  ensure(
    data.shape.length === 2 && data.shape[1] === imageSize && count !== undefined && count > 0,
    caller,
    "'data' of shape [images, 3072]",
    data.shape,
  );
  ensure(list.length === count, caller, `${count} labels, one per image`, list.length);
  const labels = new Uint8Array(count);
  const pixels = new Uint8Array(count * imageSize);
  for (let image = 0; image < count; image++) {
    const label = list[image];
    ensure(
      isLabel(label, classes),
      caller,
      `labels 0–${classes - 1}`,
      `${String(label)} for image ${image}`,
    );
    labels[image] = label;
    interleave(data.bytes, image * imageSize, pixels, image * imageSize);
  }
  return { pixels, labels };
}

function isLabel(value: unknown, classes: number): value is number {
  return typeof value === 'number' && value >= 0 && value < classes;
}
