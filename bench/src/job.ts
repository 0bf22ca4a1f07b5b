import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { selectImages } from '@kd/cli';
import type { ImageDataset } from '@kd/data';
import { loadCifar10 } from '@kd/data/node';
import { experiment } from '@kd/example-cifar10/quick';
import { type Command, runToLastMessage } from './benchProcess.ts';
import { median, pairedRatio } from './rounds.ts';
import type { BenchOptions, Row, Section } from './section.ts';
import { passFail } from './targets.ts';
import { ourCommand, torchJobVariants } from './variants.ts';

/** Stages of the job; `job` is all of it, from the start of the process to its end. */
export type StageName = 'teacher' | 'alone' | 'recording' | 'distilled' | 'test';

/** What one stage took. */
export interface JobStage {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Images that went through a network, epochs and views counted. */
  readonly images: number;
}

/** What a process of the job says at its end. */
export interface JobResult {
  readonly stages: Readonly<Record<StageName, JobStage>>;
  /** Accuracy on the test images by network, 0–1. */
  readonly test: Readonly<Record<string, number>>;
  readonly peakBytes: number;
  readonly versions: Readonly<Record<string, string>>;
}

/** Titles, and how many times as fast as PyTorch's best ours should be. */
const goals: Readonly<Record<StageName | 'job', readonly [title: string, goal: number | null]>> = {
  teacher: ['teacher', 1.15],
  alone: ['student alone', 1.3],
  recording: ["recording the teacher's logits", 1.2],
  distilled: ['student distilled', 1.3],
  test: ['test of all three', null],
  job: ['the whole job', 1.25],
};

const MOST_ROUNDS = 3;

interface Contender {
  readonly name: string;
  readonly command: Command;
  readonly runs: (JobResult & { readonly seconds: number })[];
}

/**
 * Runs the experiment `quick` from start to report, and the same job in PyTorch, each in a process
 * of its own, in turn. `KD_BENCH_BEFORE` names another checkout of this repository, built or not,
 * whose job runs beside them.
 */
export async function job({ rounds, python, variants, log }: BenchOptions): Promise<Section> {
  const directory = await mkdtemp(path.join(tmpdir(), 'kd-job-images-'));
  const before = process.env.KD_BENCH_BEFORE;
  const contenders: Contender[] = [
    { name: 'ours', command: ourCommand(new URL('./ours/job.ts', import.meta.url), {}), runs: [] },
    ...(before === undefined ? [] : [beforeContender(before)]),
    ...(python === undefined ? [] : torchJobVariants(python, directory))
      .filter(({ name }) => variants === undefined || name.includes(variants))
      .map((variant) => ({ ...variant, runs: [] })),
  ];
  try {
    await writeImages(directory);
    for (let round = 1; round <= Math.min(rounds, MOST_ROUNDS); round++)
      for (const { name, command, runs } of contenders) {
        log(`job: round ${round}, ${name}`);
        const started = performance.now();
        const result = await runToLastMessage<JobResult>(name, command, () => {});
        runs.push({ ...result, seconds: (performance.now() - started) / 1000 });
      }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  return summarize(contenders);
}

/** The job of another checkout, by the script of this one. */
function beforeContender(checkout: string): Contender {
  const root = pathToFileURL(`${path.resolve(checkout)}/`);
  const command = ourCommand(new URL('bench/src/ours/job.ts', root), {});
  return { name: 'ours, before', command, runs: [] };
}

async function writeImages(directory: string): Promise<void> {
  const { train, validation, test } = selectImages(await loadCifar10({}), experiment.images);
  for (const [name, set] of Object.entries({ train, validation, test }))
    await writeSet(path.join(directory, name), set as ImageDataset);
}

async function writeSet(file: string, { images, indices, labels }: ImageDataset): Promise<void> {
  const pixels: Uint8Array[] = Array.from(indices, (index) => images.read(index).slice());
  await writeFile(`${file}.bin`, Buffer.concat(pixels));
  await writeFile(
    `${file}.labels`,
    Uint8Array.from(indices, (index) => labels[index] as number),
  );
}

function summarize(contenders: readonly Contender[]): Section {
  const [ours] = contenders as [Contender, ...Contender[]];
  const theirs = contenders.filter(({ name }) => name.startsWith('PyTorch'));
  const rows: Row[] = [];
  const remarks: string[] = [];
  for (const stage of Object.keys(goals) as (StageName | 'job')[]) {
    const [title, goal] = goals[stage];
    const seconds = ({ runs }: Contender) => runs.map((run) => stageOf(run, stage).seconds);
    const best = [...theirs].sort((a, b) => median(seconds(a)) - median(seconds(b)))[0];
    const isWhole = stage === 'job';
    const shown = contenders.filter((each) => isWhole || each === best || !theirs.includes(each));
    for (const each of shown) {
      const paired = each === ours ? undefined : pairedRatio(seconds(each), seconds(ours));
      rows.push({
        ...rowOf(`${title}: ${each.name}`, each, stage),
        ...(paired && { ratio: paired.median, spread: [paired.min, paired.max] }),
      });
      if (paired === undefined || each !== best || goal === null) continue;
      const result = `${paired.median.toFixed(2)}, ${passFail(paired.median >= goal)}`;
      remarks.push(`${title}, against ${each.name}: goal ≥ ${goal.toFixed(2)}, ${result}.`);
    }
  }
  const versions = Object.assign({}, ...contenders.map(({ runs }) => runs[0]?.versions));
  const title =
    'The experiment quick from start to report: teacher ResNet-9 w0.25 (8 epochs of 10,000 images), student alone and distilled (15 each), 5 recorded views';
  return { name: 'job', title, rows, remarks, versions };
}

function stageOf(run: Contender['runs'][number], stage: StageName | 'job'): JobStage {
  if (stage !== 'job') return run.stages[stage];
  const stages = Object.values(run.stages);
  return {
    seconds: run.seconds,
    cpuSeconds: stages.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
    images: stages.reduce((sum, { images }) => sum + images, 0),
  };
}

function rowOf(variant: string, { runs }: Contender, name: StageName | 'job'): Row {
  const stages = runs.map((run) => stageOf(run, name));
  const seconds = median(stages.map((stage) => stage.seconds));
  const cpuSeconds = median(stages.map((stage) => stage.cpuSeconds));
  const { images } = stages[0] as JobStage;
  return {
    step: 'job',
    variant,
    ms: null,
    ratio: null,
    jobSeconds: seconds,
    imagesPerSecond: name === 'job' ? null : images / seconds,
    cpuPer10000: (10_000 * cpuSeconds) / images,
    ...(name !== 'job' && { busyCores: cpuSeconds / seconds }),
    ...(name === 'job' && { peakMiB: median(runs.map(({ peakBytes }) => peakBytes)) / 2 ** 20 }),
  };
}
