import { ensure, randomUniform } from '@kd/core';
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

/** What negatives are drawn for. */
export interface NegativeQuery {
  /** int32 [batch]. */
  readonly labels: Tensor1D;
  /** How many for each picture. */
  readonly count: number;
  /** int32 [2]: another one at every step. */
  readonly seed: Tensor1D;
}

/**
 * @returns int32 [batch, count], row numbers of pictures, drawn with replacement; the caller owns
 * it.
 */
export type NegativeSampler = (wanted: NegativeQuery) => Tensor2D;

/**
 * Every picture is as likely, the own one too: CRD's memory where it draws itself. @param pictures
 * Row numbers are below it; < 2²³.
 */
export function uniformNegatives(pictures: number): NegativeSampler {
  expectPictures('uniformNegatives', pictures);
  return ({ labels, count, seed }) => tf.tidy(() => below([labels.size, count], pictures, seed));
}

/**
 * Every picture of another class is as likely: the `exact` mode of RepDistiller's data sets, with
 * which CRD's published numbers were made.
 * @param classes The label of every row of the image set; −1 where training never sees a row.
 * @throws RangeError where all pictures are of one class.
 */
export function otherClassNegatives(classes: ArrayLike<number>): NegativeSampler {
  const rows = Array.from({ length: classes.length }, (_, row) => row).filter(
    (row) => (classes[row] as number) >= 0,
  );
  const order = rows.sort((one, other) => (classes[one] as number) - (classes[other] as number));
  const sizes = new Array<number>(1 + (classes[order.at(-1) ?? 0] ?? 0)).fill(0);
  const begins = [...sizes];
  for (const [place, row] of order.entries()) {
    const label = classes[row] as number;
    if (sizes[label] === 0) begins[label] = place;
    sizes[label] = (sizes[label] as number) + 1;
  }
  ensure(
    sizes.filter((size) => size > 0).length > 1,
    'otherClassNegatives',
    'pictures of two classes or more',
    sizes,
  );
  expectPictures('otherClassNegatives', order.length);

  return ({ labels, count, seed }) =>
    tf.tidy(() => {
      // Rows lie in order of their classes: a place drawn among those of the others jumps over the
      // block of the own class.
      const [own, from] = [sizes, begins].map((values) =>
        tf.expandDims(tf.gather(tf.tensor1d(values, 'int32'), labels), 1),
      ) as [Tensor2D, Tensor2D];
      const place = below([labels.size, count], tf.sub(order.length, own), seed);
      const jump = tf.mul(own, tf.cast(tf.greaterEqual(place, from), 'int32'));
      return tf.gather<Tensor2D>(
        tf.tensor1d(order, 'int32') as tf.Tensor as Tensor2D,
        tf.add(place, jump),
      );
    });
}

/**
 * Whole numbers from 0 to below a limit, one for all or one for each row. 23 random bits: a product
 * with a limit < 2²³ never rounds up to it.
 */
function below(shape: [number, number], limit: number | Tensor2D, seed: Tensor1D): Tensor2D {
  const limits = typeof limit === 'number' ? limit : tf.cast(limit, 'float32');
  return tf.cast(tf.floor(tf.mul(randomUniform(shape, seed), limits)), 'int32') as Tensor2D;
}

function expectPictures(caller: string, pictures: number): void {
  ensure(
    Number.isInteger(pictures) && pictures >= 1 && pictures < 2 ** 23,
    caller,
    'a whole number of pictures from 1 to 2²³ − 1',
    pictures,
  );
}
