/**
 * The tutorial's recipe, repaired, from end to end: `node … recipe.ts OPTIONS`, OPTIONS as JSON
 * (`RecipeOptions`). Prints lines of JSON, the last of them a `RecipeResult`. torch/recipe.py is the
 * recipe as published, in PyTorch.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { configure, createRun, defineExperiment, runPipeline, selectImages } from '@kd/cli';
import { loadCifar10 } from '@kd/data/node';
import { startEngine } from '@kd/engine';
import type { RunRecord } from '@kd/report';
import type { RecipeOptions, RecipeResult } from '../recipe.ts';

const { weights, size, images, headEpochs, studentEpochs, batch, seed } = JSON.parse(
  process.argv[2] as string,
) as RecipeOptions;
const experiment = defineExperiment({
  name: 'tutorial',
  about: "The recipe of PyTorch's tutorial, its defects repaired.",
  claim: true,
  dataset: loadCifar10,
  images,
  teacher: { architecture: 'efficientnet-lite0', size, epochs: headEpochs, peakRate: 1e-3 },
  student: { architecture: 'tutorial-cnn', epochs: studentEpochs, peakRate: 1e-3 },
  distillation: { method: 'softTargets', temperature: 1, weights: { labels: 0.5, method: 0.5 } },
  augmentation: { padding: 0, flip: false, views: 1 },
  optimizer: { name: 'adam', batchSize: batch },
  seeds: [seed],
});

const started = new Date();
const engine = await startEngine({ log: () => {} });
const selected = selectImages(await loadCifar10({}), images);
const directory = await mkdtemp(path.join(tmpdir(), 'kd-recipe-'));
try {
  const record = await createRun({
    config: configure(experiment, { teacherWeights: weights }),
    images: selected,
    engine,
    command: 'npm run bench -- --only recipe',
    started,
  });
  const finished = await runPipeline({
    directory,
    record,
    images: selected,
    createProgress: () => ({ update() {}, end() {} }),
    log: (line: string) => print({ stage: line.trim() }),
    signal: new AbortController().signal,
  });
  print(resultOf(finished));
} finally {
  await rm(directory, { recursive: true, force: true });
}

/**
 * The tutorial has no student alone: its training does not count. The test and the report do.
 */
function resultOf({ seconds, trainings, results }: RunRecord): RecipeResult {
  const accuracy = (stage: string) => results[stage]?.test.top1 ?? Number.NaN;
  return {
    seconds: seconds - (trainings[`baseline-${seed}`]?.seconds ?? 0),
    teacher: accuracy('teacher'),
    student: accuracy(`distilled-${seed}`),
    versions: { [engine.name]: engine.version, Node: process.versions.node },
  };
}

function print(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
