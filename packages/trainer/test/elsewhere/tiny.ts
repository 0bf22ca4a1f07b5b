import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Batch, Outputs, Teacher } from '@kd/core';
import { expectClose } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';

/** The path of a fixture of `make.py`. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/elsewhere/${name}`, import.meta.url));
}

type Numbers = 'images' | 'logits' | 'map' | 'pooled' | 'kernel' | 'bias' | 'dense' | 'denseBias';

/** Seven images, what PyTorch says of them, and the network's weights. */
export const tiny = JSON.parse(readFileSync(fixture('tiny.json'), 'utf8')) as Record<
  Numbers,
  number[]
>;

/** ImageNet's statistics, as the network of the fixtures wants them. */
export const normalized = {
  description: 'imagenet',
  prepare: (images: tf.Tensor4D) =>
    tf.tidy(() =>
      tf.div<tf.Tensor4D>(tf.sub(images, [0.485, 0.456, 0.406]), [0.229, 0.224, 0.225]),
    ),
};

/** The seven images, or as many of the first. */
export function imagesOf(count = 7): Batch {
  const [images, labels] = [
    tf.tensor4d(tiny.images, [7, 8, 8, 3]),
    tf.zeros<tf.Rank.R1>([count], 'int32'),
  ];
  const first = tf.tidy(() => tf.slice(images, 0, count));
  images.dispose();
  return {
    images: first,
    labels,
    indices: Int32Array.from({ length: count }, (_, at) => at),
    view: { spec: 'plain', seed: 0 },
  };
}

/** Asks, later, and frees the images. */
export async function heard(teacher: Teacher, count = 7): Promise<Outputs> {
  const batch = imagesOf(count);
  try {
    return await (teacher.predictAsync as (batch: Batch) => Promise<Outputs>)(batch);
  } finally {
    tf.dispose([batch.images, batch.labels]);
  }
}

/**
 * Throws unless a teacher says what PyTorch says. @param softly Whether up to a constant in each
 * row, as of logarithms of probabilities.
 */
export async function saysAsTorch(teacher: Teacher, softly = false): Promise<void> {
  const { logits, features } = await heard(teacher);
  const rows = (values: tf.Tensor) =>
    Array.from((softly ? tf.logSoftmax(values) : values).dataSync());
  tf.tidy(() => expectClose(rows(logits), rows(tf.tensor2d(tiny.logits, [7, 5])), 2e-5));
  for (const [tap, values] of Object.entries(features))
    expectClose(values.dataSync(), tiny[tap as Numbers], 2e-5);
  tf.dispose([logits, Object.values(features)]);
}

export const messageOf = (promise: Promise<unknown>) =>
  promise.then(String, (error: Error) => error.message);
