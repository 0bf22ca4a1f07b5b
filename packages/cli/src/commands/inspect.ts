import { ensure, expectedError, type Network } from '@kd/core';
import { formatInteger, formatPercent } from '@kd/core/internal';
import { formatTable, summarize } from '@kd/report';
import { evaluate as evaluateNetwork } from '@kd/trainer';
import type { RunImages } from '../experiment/dataset.ts';
import { evaluationLoader, type SessionServices } from '../run/context.ts';
import { openEngine } from '../run/engine.ts';
import { comparedJobs } from '../run/jobs.ts';
import { loadTrained } from '../run/networks.ts';
import { reportStage } from '../run/resultStages.ts';
import { type FoundRun, findRun } from '../run/runDirectory.ts';
import { resumeCommand } from '../run/runExperiment.ts';
import type { Command } from './command.ts';
import { type CommandLine, readEngine } from './flags.ts';
import { isFile, loadRunImages, openWeights, requireOperand } from './networkSource.ts';

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
    const rows = isFile(target)
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
  const { network, architecture, images } = await openWeights(file, line, services);
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
