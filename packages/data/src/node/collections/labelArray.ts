import { ensure, expectedError } from '@kd/core';
import { type NumberArray, toNumbers } from './numberArray.ts';

/** Labels of an array, and what is unusual about them. */
export interface ArrayLabels {
  readonly values: readonly number[];
  readonly warnings: readonly string[];
}

/** Largest array of labels, one-hot ones among them, in numbers. */
const largest = 2 ** 27;

/**
 * Reads labels of shape [images], [images, 1] or, one-hot, [images, classes].
 * @param count Number of images.
 * @throws RangeError that names the array; also for several labels an image, as in medmnist's
 * chestmnist.
 */
export async function readLabelArray(array: NumberArray, count: number): Promise<ArrayLabels> {
  const { caller, shape, type } = array;
  const [rows, columns = 1] = shape;
  const total = shape.reduce((product, side) => product * side, 1);
  ensure(
    (shape.length === 1 || shape.length === 2) && columns >= 1,
    caller,
    'labels of shape [images] or [images, 1]',
    shape,
  );
  ensure(rows === count, caller, `${count} labels, one for each image`, shape);
  ensure(total <= largest, caller, `at most ${largest} numbers of labels`, total);
  const numbers = toNumbers(await array.read(0, total), type);
  if (columns === 1) {
    numbers.forEach((value, at) => {
      if (!Number.isSafeInteger(value))
        throw expectedError(caller, 'whole labels', `${value} for image ${at}`);
    });
    return { values: Array.from(numbers), warnings: [] };
  }
  const values = Array.from({ length: count }, (_, row) => {
    const own = numbers.subarray(row * columns, (row + 1) * columns);
    const label = own.indexOf(1);
    const isOneHot = label >= 0 && own.every((value, at) => value === (at === label ? 1 : 0));
    if (!isOneHot)
      throw expectedError(
        caller,
        'one label for each image (or one-hot rows)',
        `shape [${shape.join(', ')}] with other rows, such as that of image ${row}`,
        'several labels an image are not supported: save one column of them',
      );
    return label;
  });
  return { values, warnings: [`${caller}: one-hot labels of ${columns} classes`] };
}
