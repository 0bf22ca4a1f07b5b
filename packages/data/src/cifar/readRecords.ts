import { ensure } from '@kd/core';
import { interleave, type Part, pictureSize } from './layout.ts';

/**
 * A file of CIFAR's binary archives: records of one label byte and 3 × 32 × 32 pixel bytes, red
 * plane first.
 * @throws RangeError where the length is not whole records or a label is too high.
 */
export function readRecords(bytes: Uint8Array, classes: number, caller: string): Required<Part> {
  const recordSize = 1 + pictureSize;
  const whole = bytes.length > 0 && bytes.length % recordSize === 0;
  ensure(
    whole,
    caller,
    `whole records of ${recordSize} bytes`,
    `${bytes.length} bytes`,
    'it is cut short or something else',
  );
  const count = bytes.length / recordSize;
  const pixels = new Uint8Array(count * pictureSize);
  const labels = new Uint8Array(count);
  for (let record = 0; record < count; record++) {
    const label = bytes[record * recordSize] as number;
    ensure(label < classes, caller, `labels 0–${classes - 1}`, `${label} in record ${record}`);
    labels[record] = label;
    interleave(bytes, record * recordSize + 1, pixels, record * pictureSize);
  }
  return { pixels, labels };
}
