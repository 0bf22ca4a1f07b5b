/**
 * At which size a pretrained teacher should see CIFAR-10: `npm run sizes -- [--teacher-weights
 * file] [--docs]`.
 *
 * Claim: none; it finds out. EfficientNet-Lite0 as ImageNet left it, frozen, looks at pictures
 * enlarged to each size; a new head learns from what it says.
 * Seeds: 0. Hardware: 2 cores. Engine: TensorFlow. Minutes: about 4. `--docs` writes the table into
 * docs/decisions/presets.md.
 */
import { parseArgs } from 'node:util';
import { fingerprint } from '@kd/core';
import { createProgress, sigintSignal } from '@kd/core/node';
import { dataLoader } from '@kd/data';
import { loadCifar10 } from '@kd/data/node';
import { memoryStore } from '@kd/files';
import { combine, crossEntropy } from '@kd/losses';
import { efficientNetLite, loadWeights, profile, splitBackbone } from '@kd/models';
import { readWeights } from '@kd/models/node';
import { grouped, percent } from '@kd/report';
import { adam, cachedBatches, cacheFeatures, evaluate, train } from '@kd/trainer';
import { describeEnvironment, openEngine } from '../environment.ts';
import { choosePictures } from '../pictures.ts';
import { writeBetween } from '../survey/writeBetween.ts';
import { efficientNetLite0Weights } from './efficientNetLite0Weights.ts';

const sizes = [32, 64, 96, 128, 160, 192, 224];
const data = { pictures: 4_000, held: 1_000, tested: 10 };
const [epochs, learningRate, batchSize] = [30, 1e-3, 64];

interface Finding {
  readonly size: number;
  readonly accuracy: number;
  readonly imagesPerSecond: number;
  readonly headSeconds: number;
  readonly multiplyAdds: number;
}

const { values } = parseArgs({
  options: { 'teacher-weights': { type: 'string' }, docs: { type: 'boolean', default: false } },
});
const { signal, dispose } = sigintSignal();
const surroundings = {
  createProgress: createProgress(),
  signal,
  log: (line: string) => void process.stdout.write(`${line}\n`),
};
try {
  const engine = await openEngine(undefined, surroundings);
  const weights = await readWeights(
    values['teacher-weights'] ?? (await efficientNetLite0Weights(surroundings)),
  );
  const { train: shown, held } = choosePictures(await loadCifar10(surroundings), data);
  const findings: Finding[] = [];
  for (const size of sizes) findings.push(await tried(size));
  const { machine } = await describeEnvironment(engine);
  const text = [
    table(findings),
    '',
    `A new head of ten classes on EfficientNet-Lite0's frozen features of ${grouped(shown.rows.length)} pictures (bicubic, ${epochs} epochs of Adam at ${learningRate}), accuracy on ${grouped(held.rows.length)} held-out ones, one seed; ${machine.cores} cores (${machine.processor}), ${engine.name} ${engine.version}; \`npm run sizes -- --docs\`.`,
  ].join('\n');
  surroundings.log(`\n${text}`);
  if (values.docs)
    await writeBetween(
      new URL('../../../../docs/decisions/presets.md', import.meta.url),
      'sizes',
      text,
    );

  async function tried(size: number): Promise<Finding> {
    const network = efficientNetLite({ version: 0, classes: 10, seed: 0, prepare: { size } });
    loadWeights(network, weights, { head: 'new' });
    const { backbone: body, head } = splitBackbone(network);
    const store = memoryStore();
    const started = performance.now();
    const featuresOf = async (set: typeof shown, file: string) => {
      const source = dataLoader(set, { batchSize, seed: 0 });
      await cacheFeatures({
        backbone: body,
        data: source,
        store,
        file,
        createProgress: surroundings.createProgress,
        signal,
      });
      return cachedBatches({ backbone: body, data: source, store, file });
    };
    const [features, validation] = [
      await featuresOf(shown, 'shown'),
      await featuresOf(held, 'held'),
    ];
    const looked = (performance.now() - started) / 1000;
    const options = {
      student: head,
      objective: combine({ labels: crossEntropy() }),
      optimizer: adam(),
      learningRate,
      epochs,
      seed: 0,
      signal,
    };
    for await (const _ of train({ ...options, data: features }));
    const headSeconds = (performance.now() - started) / 1000 - looked;
    const { top1 } = await evaluate(head, validation);
    const multiplyAdds = profile(network, [32, 32, 3]).flops / 2;
    surroundings.log(`${size}: ${percent(top1)}, ${(await fingerprint(body)).preprocessing}`);
    head.dispose();
    network.dispose();
    return {
      size,
      accuracy: top1,
      imagesPerSecond: (shown.rows.length + held.rows.length) / looked,
      headSeconds,
      multiplyAdds,
    };
  }
} finally {
  dispose();
}

function table(findings: readonly Finding[]): string {
  const rows = findings.map(({ size, accuracy, imagesPerSecond, headSeconds, multiplyAdds }) => [
    `${size}`,
    percent(accuracy),
    `${(multiplyAdds / 1e6).toFixed(0)} M`,
    grouped(imagesPerSecond),
    `${headSeconds.toFixed(1)} s`,
  ]);
  const titles = ['size', 'held-out accuracy', 'multiply-adds', 'images / s', 'training the head'];
  return [titles, titles.map(() => '---:'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}
