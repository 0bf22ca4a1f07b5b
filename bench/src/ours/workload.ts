import { type Batch, hashName, uniform } from '@kd/core';
import { type ImageDataset, imageDataset } from '@kd/data';
import * as tf from '@tensorflow/tfjs-core';

/** A step of ours, ready to run. */
export interface Workload {
  /** Runs it once and reads one number of the result back. */
  readonly run: () => Promise<number>;
  /** Floating-point operations of one step. */
  readonly flops?: number;
}

export const CLASSES = 10;

/** A batch of random images that stays the same; the labels go through the classes in turn. */
export function fixedBatch(count: number, size: number): Batch {
  const indices = Int32Array.from({ length: count }, (_, index) => index);
  const labels = tf.tensor1d(
    indices.map((index) => index % CLASSES),
    'int32',
  );
  return { images: randomImages(count, size), labels, indices, view: { spec: 'plain', seed: 0 } };
}

/** Random images, float32 [count, size, size, 3], 0–1. */
export function randomImages(count: number, size: number): tf.Tensor4D {
  // The text names the random stream: another one gives other numbers.
  return tf.tensor4d(randomNumbers('pictures', count * size * size * 3), [count, size, size, 3]);
}

/** A random matrix, float32 [rows, columns], 0–1. @param name Each name gives other numbers. */
export function randomMatrix(name: string, rows: number, columns: number): tf.Tensor2D {
  return tf.tensor2d(randomNumbers(name, rows * columns), [rows, columns]);
}

/** Random images, size × size; the labels go through the classes in turn. */
export function randomDataset(count: number, size: number): ImageDataset {
  const pixels = randomNumbers('pixels', count * size * size * 3);
  return imageDataset({
    pixels: Uint8Array.from(pixels, (value) => 256 * value),
    labels: Uint8Array.from({ length: count }, (_, index) => index % CLASSES),
    imageShape: [size, size, 3],
    classNames: Array.from({ length: CLASSES }, (_, label) => `class ${label}`),
  });
}

function randomNumbers(name: string, count: number): Float32Array {
  const stream = hashName(name);
  return Float32Array.from({ length: count }, (_, at) => uniform(0, stream, at));
}

/** 0, 1, 2, … */
export function* countUp(): Generator<number, never> {
  for (let number = 0; ; number++) yield number;
}
