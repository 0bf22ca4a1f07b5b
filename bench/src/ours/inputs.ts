import { type Batch, hashName, uniform } from '@kd/core';
import { type ImageDataset, imageDataset } from '@kd/data';
import * as tf from '@tensorflow/tfjs-core';

export const CLASSES = 10;

/** A batch of drawn pictures that stays; labels in turn. */
export function fixedBatch(rows: number, size: number): Batch {
  const indices = Int32Array.from({ length: rows }, (_, row) => row);
  const labels = tf.tensor1d(
    indices.map((row) => row % CLASSES),
    'int32',
  );
  return { images: pictures(rows, size), labels, indices, view: { spec: 'plain', seed: 0 } };
}

/** float32 [rows, size, size, 3], 0–1. */
export function pictures(rows: number, size: number): tf.Tensor4D {
  return tf.tensor4d(draws('pictures', rows * size * size * 3), [rows, size, size, 3]);
}

/** float32 [rows, columns], 0–1. @param what Each has numbers of its own. */
export function matrix(what: string, rows: number, columns: number): tf.Tensor2D {
  return tf.tensor2d(draws(what, rows * columns), [rows, columns]);
}

/** So many drawn pictures, size × size, labelled in turn. */
export function pictureSet(pictures: number, size: number): ImageDataset {
  return imageDataset({
    pixels: Uint8Array.from(draws('pixels', pictures * size * size * 3), (value) => 256 * value),
    labels: Uint8Array.from({ length: pictures }, (_, row) => row % CLASSES),
    imageShape: [size, size, 3],
    classNames: Array.from({ length: CLASSES }, (_, label) => `class ${label}`),
  });
}

function draws(what: string, count: number): Float32Array {
  const stream = hashName(what);
  return Float32Array.from({ length: count }, (_, at) => uniform(0, stream, at));
}
