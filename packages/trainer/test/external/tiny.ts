import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Batch, Outputs, Teacher } from '@kd/core';
import { expectClose } from '@kd/testing';
import * as tf from '@tensorflow/tfjs-core';

/** The path of a fixture of `make.py`. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/external/${name}`, import.meta.url));
}

type Numbers = 'images' | 'logits' | 'map' | 'pooled' | 'kernel' | 'bias' | 'dense' | 'denseBias';

/** Seven images, PyTorch's outputs for them, and the network's weights. */
export const tiny = JSON.parse(readFileSync(fixture('tiny.json'), 'utf8')) as Record<
  Numbers,
  number[]
>;

/** ImageNet's statistics, with which the network of the fixtures was trained. */
export const normalized = {
  description: 'imagenet',
  prepare: (images: tf.Tensor4D) =>
    tf.tidy(() =>
      tf.div<tf.Tensor4D>(tf.sub(images, [0.485, 0.456, 0.406]), [0.229, 0.224, 0.225]),
    ),
};

/** The first images of the seven. */
export function firstImages(count = 7): Batch {
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

/** Evaluates a teacher by `predictAsync` and frees the images. */
export async function predictImages(teacher: Teacher, count = 7): Promise<Outputs> {
  const batch = firstImages(count);
  try {
    return await (teacher.predictAsync as (batch: Batch) => Promise<Outputs>)(batch);
  } finally {
    tf.dispose([batch.images, batch.labels]);
  }
}

/**
 * Expects PyTorch's outputs of a teacher. @param upToConstants Logits may differ by a constant in
 * each row, as logarithms of probabilities do.
 */
export async function expectTorchOutputs(teacher: Teacher, upToConstants = false): Promise<void> {
  const { logits, features } = await predictImages(teacher);
  const values = (tensor: tf.Tensor) =>
    Array.from((upToConstants ? tf.logSoftmax(tensor) : tensor).dataSync());
  tf.tidy(() => expectClose(values(logits), values(tf.tensor2d(tiny.logits, [7, 5])), 2e-5));
  for (const [name, feature] of Object.entries(features))
    expectClose(feature.dataSync(), tiny[name as Numbers], 2e-5);
  tf.dispose([logits, Object.values(features)]);
}

export const messageOf = (promise: Promise<unknown>) =>
  promise.then(String, (error: Error) => error.message);
