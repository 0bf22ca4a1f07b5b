import '@tensorflow/tfjs-backend-cpu';
import type { Batch, Outputs, Teacher } from '@kd/core';
import {
  cutmix,
  dataLoader,
  imageDataset,
  mixup,
  randomChoice,
  randomCrop,
  trainValidationSplit,
} from '@kd/data';
import { memoryStore } from '@kd/files';
import { cachedTeacher, cacheOutputs } from '@kd/trainer';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';

beforeAll(() => tf.setBackend('cpu'));

const dataset = imageDataset({
  pixels: Uint8Array.from({ length: 30 * 6 * 6 * 3 }, (_, at) => (at * 37 + (at >> 7)) % 256),
  labels: Array.from({ length: 30 }, (_, index) => (index % 5) - Number(index % 10 === 0)),
  imageShape: [6, 6, 3],
  classNames: ['one', 'two', 'three', 'four', 'five'],
});
const { train } = trainValidationSplit(dataset, { validation: 8, seed: 0 });
const mixing = randomChoice([mixup({ alpha: 0.4 }), cutmix({ alpha: 1 })]);
const loader = (batchSize: number, seed = 3) =>
  dataLoader(train, {
    batchSize,
    seed,
    augmentations: [randomCrop({ padding: 1 })],
    mixing,
    viewCount: 3,
  });

/** A teacher whose logits are weighted means of the pixels, so that other pixels give others. */
const live: Teacher = Object.assign(
  (batch: Batch): Outputs =>
    tf.tidy(() => {
      const kernel = tf.reshape<tf.Rank.R2>(tf.cos(tf.range(0, 108 * 5)), [108, 5]);
      const pixels = tf.reshape<tf.Rank.R2>(batch.images, [-1, 108]);
      return { logits: tf.matMul<tf.Tensor2D>(pixels, kernel), features: {} };
    }),
  { fingerprint: async () => ({ name: 'cosines', weights: '0'.repeat(64), preprocessing: '' }) },
);

test('a cached teacher sees the mixed pictures that the student sees, in every view and batch', async () => {
  const store = memoryStore();
  await cacheOutputs({ teacher: live, data: loader(7), store });
  const fingerprint = (await live.fingerprint?.()) as never;
  const cached = await cachedTeacher({ store, data: loader(4), teacher: fingerprint });
  for (let epoch = 0; epoch < 4; epoch++) {
    for await (const batch of loader(4).epoch(epoch)) {
      const [expected, got] = [live(batch), await cached.predictAsync?.(batch)];
      expect(await got?.logits.data()).toEqual(await expected.logits.data());
      tf.dispose([expected.logits, got?.logits as tf.Tensor]);
    }
  }
});

test('a cache of other mixtures is refused', async () => {
  const store = memoryStore();
  await cacheOutputs({ teacher: live, data: loader(7), store });
  const teacher = (await live.fingerprint?.()) as never;
  await expect(cachedTeacher({ store, data: loader(7, 4), teacher })).rejects.toThrow('view');
});
