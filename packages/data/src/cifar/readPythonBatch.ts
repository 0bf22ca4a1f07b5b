import { ensure } from '@kd/core';
import { PickledArray } from '../pickle/numpy.ts';
import { readArrays } from '../pickle/readArrays.ts';
import { interleave, type Part, pictureSize } from './layout.ts';

/**
 * A file of CIFAR's Python archives: a pickled dict whose `data` is uint8 [pictures, 3072], red
 * plane first, and whose labels are a list.
 * @param labelKey `labels` in CIFAR-10.
 * @throws RangeError where the pickle holds anything but plain data, or other data.
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
    data.shape.length === 2 && data.shape[1] === pictureSize && count !== undefined && count > 0,
    caller,
    "'data' of shape [pictures, 3072]",
    data.shape,
  );
  ensure(list.length === count, caller, `${count} labels, one a picture`, list.length);
  const labels = new Uint8Array(count);
  const pixels = new Uint8Array(count * pictureSize);
  for (let picture = 0; picture < count; picture++) {
    const label = list[picture];
    ensure(
      isLabel(label, classes),
      caller,
      `labels 0–${classes - 1}`,
      `${String(label)} for picture ${picture}`,
    );
    labels[picture] = label;
    interleave(data.bytes, picture * pictureSize, pixels, picture * pictureSize);
  }
  return { pixels, labels };
}

function isLabel(value: unknown, classes: number): value is number {
  return typeof value === 'number' && value >= 0 && value < classes;
}
