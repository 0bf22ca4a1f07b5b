/**
 * Milliseconds per image of training with a frozen backbone, beside evaluation, training of the
 * whole network and training on cached features: ResNet-18 with the stem for CIFAR, 256 images in
 * batches of 32. About three minutes on two cores. KD_ENGINE chooses the engine.
 *
 *     node scripts/run.mjs bench/src/frozenBackbone.ts
 */
import { type DataLoader, type Network, uniform } from '@kd/core';
import { dataLoader, imageDataset } from '@kd/data';
import { startEngine } from '@kd/engine';
import { memoryStore } from '@kd/files';
import { combine, crossEntropy } from '@kd/losses';
import { freeze, resnet, splitBackbone, unfreeze } from '@kd/models';
import { cachedBatches, cacheOutputs, evaluate, sgd, train } from '@kd/trainer';

const ROWS = 256;

await startEngine();
const pixels = Uint8Array.from({ length: ROWS * 32 * 32 * 3 }, (_, at) =>
  Math.floor(256 * uniform(1, 0, at)),
);
const classNames = Array.from({ length: 10 }, (_, label) => `class ${label}`);
const set = imageDataset({
  pixels,
  labels: Array.from({ length: ROWS }, (_, row) => row % 10),
  imageShape: [32, 32, 3],
  classNames,
});
const images = dataLoader(set, { batchSize: 32, seed: 1 });
const network = resnet({ depth: 18, stem: 'cifar', classes: 10, seed: 1 });
const { backbone, head } = splitBackbone(network);
const store = memoryStore();

const evaluation = await fastest(async () => (await evaluate(network, images)).seconds);
freeze(network, 'body');
const frozenBackbone = await fastestEpoch(network, images);
unfreeze(network);
const caching = await fastest(() =>
  secondsOf(() => cacheOutputs({ backbone, data: images, store: memoryStore() })),
);
await cacheOutputs({ backbone, data: images, store });
const cachedFeatures = await fastestEpoch(
  head,
  await cachedBatches({ backbone, data: images, store }),
);
const wholeNetwork = await fastestEpoch(network, images);
for (const [name, seconds] of Object.entries({
  evaluation,
  'training, frozen backbone': frozenBackbone,
  'training, whole network': wholeNetwork,
  'caching the features': caching,
  'training, cached features': cachedFeatures,
})) {
  console.log(`${name.padEnd(26)} ${((1000 * seconds) / ROWS).toFixed(3)} ms an image`);
}
process.exit(0);

/** Seconds of the fastest of four epochs, the first left out. */
async function fastestEpoch(student: Network, data: DataLoader): Promise<number> {
  const seconds: number[] = [];
  const options = {
    student,
    objective: combine({ hard: crossEntropy() }),
    optimizer: sgd({ momentum: 0.9 }),
    learningRate: 0.001,
    epochs: 4,
  };
  for await (const report of train({ ...options, data })) seconds.push(report.seconds);
  return Math.min(...seconds.slice(1));
}

async function fastest(run: () => Promise<number>): Promise<number> {
  await run();
  return Math.min(await run(), await run(), await run());
}

async function secondsOf(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await run();
  return (performance.now() - started) / 1000;
}
