/**
 * The experiment `quick` from start to report: `node … job.ts OPTIONS`, OPTIONS as JSON
 * (`JobOptions`). Prints lines of JSON, the last of them a `JobResult`. torch/job.py is the same job
 * in PyTorch.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runExperiment } from '@kd/cli';
import { expectedError } from '@kd/core';
import { experiment } from '@kd/example-cifar10/quick';
import { readRunRecord } from '@kd/report/node';
import type { JobResult, JobStage, StageName } from '../job.ts';

/** The stages in the order in which the run announces them: `[1/6] …`. */
const announced: readonly (StageName | 'report')[] = [
  'teacher',
  'alone',
  'recording',
  'distilled',
  'test',
  'report',
];

const marks: { readonly at: number; readonly cpu: number }[] = [];
const directory = await mkdtemp(path.join(tmpdir(), 'kd-job-'));
try {
  await runExperiment(
    {
      experiment,
      command: 'npm run bench -- --only job',
      overrides: {},
      engine: 'tensorflow',
      out: path.join(directory, 'run'),
    },
    {
      createProgress: () => ({ update() {}, end() {} }),
      log(line) {
        if (/^\[\d\/\d\]/.test(line)) marks.push(readClocks());
      },
      signal: new AbortController().signal,
    },
  );
  marks.push(readClocks());
  const record = await readRunRecord(path.join(directory, 'run'));
  if (record === undefined) throw expectedError('job', 'a run.json', 'none');
  const result: JobResult = {
    stages: Object.fromEntries(
      announced.map((name, at) => [name, stageBetween(name, at)] as const),
    ) as JobResult['stages'],
    test: Object.fromEntries(
      Object.values(record.results).map(({ role, test }) => [role, test.top1]),
    ),
    peakBytes: process.resourceUsage().maxRSS * 1024,
    versions: record.environment.versions,
  };
  console.log(JSON.stringify(result));
} finally {
  await rm(directory, { recursive: true, force: true });
}

function readClocks(): (typeof marks)[number] {
  const { user, system } = process.cpuUsage();
  return { at: performance.now() / 1000, cpu: (user + system) / 1e6 };
}

function stageBetween(name: StageName | 'report', at: number): JobStage {
  const [from, to] = [marks[at], marks[at + 1]] as [(typeof marks)[number], (typeof marks)[number]];
  return { seconds: to.at - from.at, cpuSeconds: to.cpu - from.cpu, images: imagesOf(name) };
}

function imagesOf(name: StageName | 'report'): number {
  const { train = 0, test = 0 } = experiment.images ?? {};
  switch (name) {
    case 'teacher':
      return train * experiment.teacher.epochs;
    case 'alone':
    case 'distilled':
      return train * experiment.student.epochs;
    case 'recording':
      return train * experiment.augmentation.views;
    case 'test':
      return 3 * test;
    default:
      return 0;
  }
}
