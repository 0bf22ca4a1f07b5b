/**
 * A set larger than memory from end to end: 60,000 images of 224×224×3 (9 GB) are decoded into a
 * file of rows, opened again, iterated over by `dataLoader`, and a teacher is recorded and read
 * back, each with its seconds and the peak of the resident memory, which must stay under 2 GB. The
 * files, which go as soon as it ends, are made under the directory for temporary files.
 *
 *     node scripts/run.mjs bench/src/largeImages.ts [number of images]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Teacher } from '@kd/core';
import { createProgress } from '@kd/core/node';
import { dataLoader } from '@kd/data';
import { decodeImages, type ImageCollection } from '@kd/data/node';
import { startEngine } from '@kd/engine';
import { directoryStore } from '@kd/files/node';
import { cachedTeacher, cacheOutputs } from '@kd/trainer';
import * as tf from '@tensorflow/tfjs-core';

const images = Number(process.argv[2] ?? 60_000);
const [side, batchSize, classes] = [224, 64, 10];
const mostBytes = 2e9;

/** A teacher that computes little: ten sums of the mean color. */
const meanColors = Object.assign(
  ((batch) => ({
    logits: tf.tidy(() => {
      const means = tf.mean<tf.Tensor2D>(batch.images, [1, 2]);
      return tf.matMul(means, tf.ones<tf.Rank.R2>([3, classes])) as tf.Tensor2D;
    }),
    features: {},
  })) satisfies Teacher,
  {
    fingerprint: async () => ({ name: 'mean colors', weights: 'none', preprocessing: 'none' }),
  },
);

await startEngine();
const directory = await mkdtemp(path.join(tmpdir(), 'kd-large-'));
let isSmall = true;
try {
  const options = { size: side, cache: directory, createProgress: createProgress() };
  await measure('decode', () => decodeImages(madeUpCollection(), options));
  const { train } = await measure('open', () => decodeImages(madeUpCollection(), options));
  const data = dataLoader(train, { batchSize, seed: 1 });
  await measure('fingerprint', () => train.fingerprint());
  await measure('epoch of batches', async () => {
    for await (const batch of data.epoch(0)) batch.images.shape;
  });
  const store = directoryStore(path.join(directory, 'teacher'));
  await measure('record a teacher', () => cacheOutputs({ teacher: meanColors, data, store }));
  await measure('epoch with its record', async () => {
    const fingerprint = await meanColors.fingerprint();
    const recorded = await cachedTeacher({ store, data, teacher: fingerprint });
    for await (const batch of data.epoch(1))
      (await recorded.predictAsync?.(batch))?.logits.dispose();
  });
} finally {
  await rm(directory, { recursive: true, force: true });
}
process.exit(isSmall ? 0 : 1);

async function measure<Result>(name: string, run: () => Promise<Result>): Promise<Result> {
  const started = performance.now();
  const result = await run();
  const seconds = (performance.now() - started) / 1000;
  const peak = process.resourceUsage().maxRSS * 1024;
  isSmall &&= peak < mostBytes;
  const rate = (images / seconds).toFixed(0).padStart(8);
  console.log(
    `${name.padEnd(22)} ${seconds.toFixed(1).padStart(7)} s ${rate} images/s   peak ${(peak / 1e6).toFixed(0)} MB`,
  );
  return result;
}

/** Images that are made when they are read: 256 × 256 pixels of a few patterns. */
function madeUpCollection(): ImageCollection {
  const patterns = Array.from({ length: 16 }, (_, pattern) =>
    Uint8Array.from({ length: 256 * 256 * 3 }, (_, at) => ((at >> 4) * (pattern + 3)) & 255),
  );
  const train = {
    count: images,
    labels: Int32Array.from({ length: images }, (_, index) => index % classes),
    nameOf: (index: number) => `image ${index}`,
    async read(index: number) {
      const pixels = (patterns[index % patterns.length] as Uint8Array).slice();
      pixels.fill(index & 255, 60_000, 60_000 + (index >> 4));
      return { pixels, shape: [256, 256, 3] as const };
    },
    version: `made up, ${images}`,
  };
  return {
    source: 'made-up',
    classNames: Array.from({ length: classes }, (_, label) => `class ${label}`),
    splits: { train },
    warnings: [],
    close: async () => {},
  };
}
