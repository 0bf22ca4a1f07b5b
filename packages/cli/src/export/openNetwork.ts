import { fingerprint, type Network } from '@kd/core';
import type { RunConfig } from '../experiment/configure.ts';
import type { RunImages } from '../experiment/dataset.ts';
import { usageError } from '../experiment/usageError.ts';
import { baselineJob, distilledJob, type TrainingJob, teacherJob } from '../run/jobs.ts';
import { loadTrained } from '../run/networks.ts';
import type { FoundRun } from '../run/runDirectory.ts';

/** The networks of a run by the names of `--student`. */
export const exportedRoles = { distilled: 0, alone: 0, teacher: 0 } as const;

export type ExportedRole = keyof typeof exportedRoles;

/** A trained network that is written to files. */
export interface OpenedNetwork {
  /** The caller frees it. */
  readonly network: Network;
  readonly images: RunImages;
  readonly architecture: string;
  /** What it is: `student distilled, seed 0`; the name of a file. */
  readonly title: string;
  /** The run, or the file. */
  readonly source: string;
  readonly fingerprint: string;
}

/**
 * Chooses the network of a run: of the students the one that was best on the validation images,
 * unless a seed is named.
 * @throws UsageError where the run does not have it, or has not finished it.
 */
export function chooseJob(
  { record }: FoundRun,
  role: ExportedRole,
  seed: number | undefined,
): TrainingJob {
  const { config } = record;
  const candidates = seedsOf(config, role, seed).map((each) => jobOf(config, role, each));
  const finished = candidates.filter(({ name }) => record.trainings[name]?.finished === true);
  const validationOf = ({ name }: TrainingJob) =>
    Math.max(
      0,
      ...(record.trainings[name]?.epochs ?? []).map(({ validation }) => validation?.top1 ?? 0),
    );
  const [best] = [...finished].sort((left, right) => validationOf(right) - validationOf(left));
  if (best === undefined)
    throw usageError(
      '--student',
      `a network that is trained: ${candidates.map(({ name }) => name).join(', ')}`,
      `a run that is ${record.status}`,
      'go on with it, or name another one',
    );
  return best;
}

function seedsOf(
  config: RunConfig,
  role: ExportedRole,
  seed: number | undefined,
): readonly number[] {
  if (role === 'teacher' && seed !== undefined)
    throw usageError('--seed', 'nothing with --student teacher, of which there is one', seed);
  if (seed === undefined) return role === 'teacher' ? config.seeds.slice(0, 1) : config.seeds;
  if (!config.seeds.includes(seed))
    throw usageError('--seed', `one of the run's seeds ${config.seeds.join(', ')}`, seed);
  return [seed];
}

function jobOf(config: RunConfig, role: ExportedRole, seed: number): TrainingJob {
  switch (role) {
    case 'distilled':
      return distilledJob(config, seed);
    case 'alone':
      return baselineJob(config, seed);
    case 'teacher':
      return teacherJob(config);
    default:
      return role satisfies never;
  }
}

/** Loads the network of a job. */
export async function openTrained(
  { directory, record }: FoundRun,
  job: TrainingJob,
  images: RunImages,
  source: string,
): Promise<OpenedNetwork> {
  const network = await loadTrained({ directory, images, writer: { record } }, job);
  return {
    network,
    images,
    architecture: job.training.architecture,
    title: job.role === 'teacher' ? job.title : `${job.title}, seed ${job.seed}`,
    source,
    fingerprint: (await fingerprint(network)).weights,
  };
}
