/**
 * What a step costs per picture when the body is frozen, beside looking, training the whole and
 * training on recorded features: ResNet-18 with the stem for CIFAR, 256 pictures in
 * batches of 32. About three minutes on two cores. KD_ENGINE chooses the engine.
 *
 *     node --conditions=@kd/source --import tsx bench/src/frozenBody.ts
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
const pictures = dataLoader(set, { batchSize: 32, seed: 1 });
const network = resnet({ depth: 18, stem: 'cifar', classes: 10, seed: 1 });
const { backbone: body, head } = splitBackbone(network);
const store = memoryStore();

const looking = await fastest(async () => (await evaluate(network, pictures)).seconds);
freeze(network, 'body');
const throughFrozen = await epochOf(network, pictures);
unfreeze(network);
const recording = await fastest(() =>
  secondsOf(() => cacheOutputs({ backbone: body, data: pictures, store: memoryStore() })),
);
await cacheOutputs({ backbone: body, data: pictures, store });
const onFeatures = await epochOf(
  head,
  await cachedBatches({ backbone: body, data: pictures, store }),
);
const whole = await epochOf(network, pictures);
for (const [what, seconds] of Object.entries({
  looking,
  throughFrozen,
  whole,
  recording,
  onFeatures,
})) {
  console.log(`${what.padEnd(16)} ${((1000 * seconds) / ROWS).toFixed(3)} ms a picture`);
}
process.exit(0);

/** Seconds of the fastest of four epochs, the first left out. */
async function epochOf(student: Network, source: DataLoader): Promise<number> {
  const seconds: number[] = [];
  const options = {
    student,
    objective: combine({ hard: crossEntropy() }),
    optimizer: sgd({ momentum: 0.9 }),
    learningRate: 0.001,
    epochs: 4,
  };
  for await (const report of train({ ...options, data: source })) seconds.push(report.seconds);
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
