/**
 * The tutorial's recipe, repaired, from end to end: `node … recipe.ts OPTIONS`, OPTIONS as JSON
 * (`RecipeOptions`). Says lines of JSON, the last of them a
 * `RecipeResult`. torch/recipe.py is the recipe as printed, in PyTorch.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { choosePictures, configure, newRecord, presets, runPipeline } from '@kd/cli';
import { loadCifar10 } from '@kd/data/node';
import { startEngine } from '@kd/engine';
import type { RunRecord } from '@kd/report';
import type { RecipeOptions, RecipeResult } from '../recipe.ts';

const { weights, size, data, headEpochs, studentEpochs, batch, seed } = JSON.parse(
  process.argv[2] as string,
) as RecipeOptions;
const { tutorial } = presets;
const preset = {
  ...tutorial,
  data,
  teacher: { ...tutorial.teacher, architecture: 'efficientnet-lite0', size, epochs: headEpochs },
  student: { ...tutorial.student, epochs: studentEpochs },
  optimizer: { ...tutorial.optimizer, batchSize: batch },
} as const;

const started = new Date();
const engine = await startEngine({ log: () => {} });
const pictures = choosePictures(await loadCifar10({}), data);
const config = configure('tutorial', preset, { teacherWeights: weights, seeds: [seed] });
const directory = await mkdtemp(path.join(tmpdir(), 'kd-recipe-'));
try {
  const record = await newRecord({
    config,
    pictures,
    engine,
    command: 'npm run bench -- --only recipe',
    started,
  });
  const surroundings = {
    createProgress: () => ({ update() {}, end() {} }),
    log: (line: string) => say({ stage: line.trim() }),
  };
  const { signal } = new AbortController();
  say(resultOf(await runPipeline({ directory, record, pictures, signal, ...surroundings })));
} finally {
  await rm(directory, { recursive: true, force: true });
}

/** The tutorial has no student alone: its training does not count. The test and the report do. */
function resultOf({ seconds, trainings, results }: RunRecord): RecipeResult {
  const accuracy = (stage: string) => results[stage]?.test.top1 ?? Number.NaN;
  return {
    seconds: seconds - (trainings[`baseline-${seed}`]?.seconds ?? 0),
    teacher: accuracy('teacher'),
    student: accuracy(`distilled-${seed}`),
    versions: { [engine.name]: engine.version, Node: process.versions.node },
  };
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
