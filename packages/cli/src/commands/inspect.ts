import { statSync } from 'node:fs';
import { ensure, expectedError, type Network } from '@kd/core';
import { formatInteger, formatPercent } from '@kd/core/internal';
import { loadWeights } from '@kd/models/node';
import { formatTable, summarize } from '@kd/report';
import { evaluate as evaluateNetwork } from '@kd/trainer';
import { architectures } from '../experiment/architectures.ts';
import {
  type DatasetLoader,
  describeImages,
  type RunImages,
  selectImages,
} from '../experiment/dataset.ts';
import { imageLoader } from '../experiment/imageSource.ts';
import { chooseName, usageError } from '../experiment/usageError.ts';
import { evaluationLoader, type SessionServices } from '../run/context.ts';
import { openEngine } from '../run/engine.ts';
import { comparedJobs } from '../run/jobs.ts';
import { buildNetwork, loadTrained } from '../run/networks.ts';
import { reportStage } from '../run/resultStages.ts';
import { type FoundRun, findRun } from '../run/runDirectory.ts';
import { resumeCommand } from '../run/runExperiment.ts';
import { type Command, invocation } from './command.ts';
import { type CommandLine, readEngine, readFlag, readText } from './flags.ts';
import { isModule, loadDatasetModule } from './modules.ts';

/** `kd evaluate`. */
export const evaluate: Command = {
  operand: 'run|weights',
  flags: ['architecture', 'data', 'experiment', 'engine'],
  about: 'Evaluates trained networks on the test set; nothing is trained.',
  notes: [
    'With the directory of a run: its teacher and its students, on the test images of the run. With a file of weights (.safetensors, .pth): that network, which --architecture names, on the test images of --experiment.',
  ],
  lists: ['architectures'],
  async run(line, services) {
    const target = requireOperand(line, 'evaluate', 'the directory of a run, or a file of weights');
    const isFile = statSync(target, { throwIfNoEntry: false })?.isFile() === true;
    const rows = isFile
      ? await evaluateWeights(target, line, services)
      : await evaluateRun(await findRun(target, 'kd evaluate'), line, services);
    const titles = [
      '',
      'network',
      'test accuracy',
      'cross entropy',
      'calibration error',
      'images / s',
    ];
    services.log(`\n${formatTable([titles, ...rows], 2)}`);
    return 0;
  },
};

/** `kd report`. */
export const report: Command = {
  operand: 'run',
  flags: ['data', 'experiment'],
  about: 'Writes the page report.html of a finished run again.',
  notes: ['From run.json and the logits in the directory of the run; nothing is computed anew.'],
  async run(line, services) {
    const target = requireOperand(line, 'report', 'the directory of a run');
    const found = await findRun(target, 'kd report');
    ensure(
      summarize(found.record) !== undefined,
      'kd report',
      'a run whose networks are all tested',
      `${target}, which is ${found.record.status}`,
      `go on with it: ${resumeCommand(found.record, target)}`,
    );
    const images = await loadRunImages(found, line, services);
    const file = await reportStage({
      directory: found.directory,
      images,
      writer: { record: found.record },
    });
    services.log(`Report: ${file}`);
    return 0;
  },
};

async function evaluateRun(
  found: FoundRun,
  line: CommandLine,
  services: SessionServices,
): Promise<string[][]> {
  const { record, directory } = found;
  const images = await loadRunImages(found, line, services);
  await openEngine(readEngine(line), services);
  const context = { directory, images, writer: { record } };
  const rows: string[][] = [];
  for (const job of comparedJobs(record.config)) {
    if (record.trainings[job.name]?.finished !== true) {
      services.log(`${job.name}: not trained yet`);
      continue;
    }
    const network = await loadTrained(context, job);
    rows.push(await evaluateRow(job.name, job.training.architecture, network, images));
  }
  if (rows.length === 0)
    throw expectedError('kd evaluate', 'a run with a trained network', found.directory);
  return rows;
}

async function evaluateWeights(
  file: string,
  line: CommandLine,
  services: SessionServices,
): Promise<string[][]> {
  const required = (flag: 'architecture' | 'experiment', expected: string) => {
    const text = readFlag(line, flag, readText(expected));
    if (text === undefined)
      throw usageError(`--${flag}`, `${expected}, beside a file of weights`, 'nothing');
    return text;
  };
  const architecture = chooseName(
    architectures,
    required('architecture', 'the name of a network'),
    '--architecture',
  );
  const source = required('experiment', 'an experiment file or a data module');
  const { dataset, images: counts } = await loadDatasetModule(source, '--experiment');
  await openEngine(readEngine(line), services);
  const images = selectImages(await dataset(services), counts);
  const job = {
    name: file,
    title: file,
    role: 'teacher',
    seed: 0,
    training: { architecture, epochs: 1, peakRate: 1 },
  } as const;
  const network = buildNetwork({ images }, job);
  try {
    await loadWeights(network, file, services);
  } catch (error) {
    network.dispose();
    throw error;
  }
  return [await evaluateRow(file, architecture, network, images)];
}

/** Evaluates a network on the test images, and frees it. */
async function evaluateRow(
  title: string,
  architecture: string,
  network: Network,
  images: RunImages,
): Promise<string[]> {
  try {
    const metrics = await evaluateNetwork(network, evaluationLoader({ images }, 'test'));
    return [
      title,
      architecture,
      formatPercent(metrics.top1, 2),
      metrics.loss.toFixed(3),
      formatPercent(metrics.calibrationError, 2),
      formatInteger(metrics.imagesPerSecond),
    ];
  } finally {
    network.dispose();
  }
}

/** Loads the images of a run from the module that the run or `--experiment` names. */
async function loadRunImages(
  { directory, record }: FoundRun,
  line: CommandLine,
  services: SessionServices,
): Promise<RunImages> {
  const { images: counts } = record.config;
  const { dataset, source } = await findDataset(record, line);
  const images = selectImages(await dataset(services), counts);
  const { test } = await describeImages(images);
  ensure(
    test.fingerprint === record.data.test.fingerprint,
    source,
    `the test images of ${directory}, ${record.data.test.fingerprint}`,
    test.fingerprint,
    'these are other images; --data or --experiment names others',
  );
  return images;
}

/** The images of a run: where it had them from, or where flags say that they are now. */
async function findDataset(
  { config: { module, data } }: FoundRun['record'],
  line: CommandLine,
): Promise<{ readonly dataset: DatasetLoader; readonly source: string }> {
  const moved = readFlag(line, 'data', readText('images'));
  if (moved !== undefined && !isModule(moved)) {
    if (data === undefined) throw usageError('--data', `a module, as ${module} of the run`, moved);
    return { dataset: imageLoader({ ...data, source: moved }), source: moved };
  }
  const named = moved ?? readFlag(line, 'experiment', readText('an experiment file'));
  if (named === undefined && data !== undefined)
    return { dataset: imageLoader(data), source: data.source };
  const source = named ?? module;
  if (source === undefined)
    throw usageError('--experiment', 'the file with the data set of the run', 'nothing');
  const { dataset } = await loadDatasetModule(source, moved ? '--data' : '--experiment');
  return { dataset, source };
}

function requireOperand({ operand }: CommandLine, command: string, expected: string): string {
  if (operand !== undefined) return operand;
  const remedy = `${invocation} ${command} --help explains it`;
  throw usageError(`kd ${command}`, expected, 'nothing', remedy);
}
