import { ensure, randomUniform } from '@kd/core';
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

/** The arguments of a negative sampler. */
export interface NegativeQuery {
  /** int32 [batch]. */
  readonly labels: Tensor1D;
  /** Number of negatives for each image. */
  readonly count: number;
  /** int32 [2], different at every step. */
  readonly seed: Tensor1D;
}

/** Draws image indices with replacement. @returns int32 [batch, count], owned by the caller. */
export interface NegativeSampler {
  (query: NegativeQuery): Tensor2D;
  /** Whether it reads the labels: then every image must have one. */
  readonly needsLabels?: boolean;
}

/**
 * Draws uniformly from all images, the own one included, as CRD's own sampler does.
 * @param datasetSize Indices are below it; < 2²³.
 */
export function uniformNegatives(datasetSize: number): NegativeSampler {
  assertDatasetSize('uniformNegatives', datasetSize);
  return ({ labels, count, seed }) =>
    tf.tidy(() => randomBelow([labels.size, count], datasetSize, seed));
}

/**
 * Draws uniformly from the images of other classes, as the `exact` mode of RepDistiller's datasets,
 * with which CRD's published numbers were computed.
 * @param classes The label of every image of the dataset; −1 for an image that training never uses.
 * @throws RangeError if all images are of one class.
 */
export function otherClassNegatives(classes: ArrayLike<number>): NegativeSampler {
  const rows = Array.from({ length: classes.length }, (_, row) => row).filter(
    (row) => (classes[row] as number) >= 0,
  );
  const order = rows.sort((one, other) => (classes[one] as number) - (classes[other] as number));
  const sizes = new Array<number>(1 + (classes[order.at(-1) ?? 0] ?? 0)).fill(0);
  const starts = [...sizes];
  for (const [position, row] of order.entries()) {
    const label = classes[row] as number;
    if (sizes[label] === 0) starts[label] = position;
    sizes[label] = (sizes[label] as number) + 1;
  }
  ensure(
    sizes.filter((size) => size > 0).length > 1,
    'otherClassNegatives',
    'images of two classes or more',
    sizes,
  );
  assertDatasetSize('otherClassNegatives', order.length);

  const sampler: NegativeSampler = ({ labels, count, seed }) =>
    tf.tidy(() => {
      // Indices are sorted by class: a position drawn among the other classes skips the block of
      // the own class.
      const [ownSize, ownStart] = [sizes, starts].map((values) =>
        tf.expandDims(tf.gather(tf.tensor1d(values, 'int32'), labels), 1),
      ) as [Tensor2D, Tensor2D];
      const position = randomBelow([labels.size, count], tf.sub(order.length, ownSize), seed);
      const offset = tf.mul(ownSize, tf.cast(tf.greaterEqual(position, ownStart), 'int32'));
      return tf.gather<Tensor2D>(
        tf.tensor1d(order, 'int32') as tf.Tensor as Tensor2D,
        tf.add(position, offset),
      );
    });
  return Object.assign(sampler, { needsLabels: true });
}

/**
 * Random integers in [0, limit), with one limit for all or one for each row. With 23 random bits a
 * product with a limit < 2²³ never rounds up to it.
 */
function randomBelow(shape: [number, number], limit: number | Tensor2D, seed: Tensor1D): Tensor2D {
  const limits = typeof limit === 'number' ? limit : tf.cast(limit, 'float32');
  return tf.cast(tf.floor(tf.mul(randomUniform(shape, seed), limits)), 'int32') as Tensor2D;
}

function assertDatasetSize(caller: string, datasetSize: number): void {
  ensure(
    Number.isInteger(datasetSize) && datasetSize >= 1 && datasetSize < 2 ** 23,
    caller,
    'a whole number of images from 1 to 2²³ − 1',
    datasetSize,
  );
}
