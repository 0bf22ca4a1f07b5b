import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { expectedError } from '@kd/core';
import type { DatasetLoader } from '../experiment/dataset.ts';
import { checkExperiment, type Experiment } from '../experiment/defineExperiment.ts';
import { usageError } from '../experiment/usageError.ts';

/**
 * Imports an experiment file.
 * @returns Its export `experiment`, checked.
 * @throws UsageError where there is none, or it is wrong.
 */
export async function loadExperiment(file: string): Promise<Experiment> {
  const { experiment } = await importModule(file);
  if (experiment === undefined)
    throw usageError(
      file,
      'a module that exports experiment',
      'one without',
      'export const experiment = defineExperiment({ … })',
    );
  checkExperiment(experiment, file);
  return experiment;
}

/** Whether a source is a module, by its name. */
export function isModule(source: string): boolean {
  return /\.[cm]?[jt]s$/.test(source);
}

/**
 * Imports a data set.
 * @param source A module that exports `dataset`, or an experiment file.
 * @param caller The flag that names it, for errors.
 * @returns The loader, and the numbers of images where an experiment has some.
 * @throws UsageError where it has neither.
 */
export async function loadDatasetModule(
  source: string,
  caller: string,
): Promise<Pick<Experiment, 'dataset' | 'images'>> {
  if (!isModule(source))
    throw usageError(
      caller,
      'a module (.ts, .js) that exports dataset',
      source,
      'write one that reads your files into imageDataset of @kd/data',
    );
  const { dataset, experiment } = await importModule(source);
  if (experiment !== undefined) {
    checkExperiment(experiment, source);
    return experiment;
  }
  if (typeof dataset !== 'function')
    throw usageError(
      source,
      'a module that exports dataset, or experiment',
      dataset === undefined ? 'one without' : `dataset as ${typeof dataset}`,
      'export const dataset = async () => ({ train, test, source })',
    );
  return { dataset: dataset as DatasetLoader };
}

async function importModule(file: string): Promise<Readonly<Record<string, unknown>>> {
  const location = path.resolve(file);
  if (!existsSync(location)) throw usageError('kd', 'a module', `no such file: ${file}`);
  try {
    return (await import(pathToFileURL(location).href)) as Record<string, unknown>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_UNKNOWN_FILE_EXTENSION') throw error;
    throw expectedError(
      file,
      'a Node that reads TypeScript (22.18 or later)',
      process.versions.node,
      'take a newer Node, or install tsx and set NODE_OPTIONS="--import tsx"',
    );
  }
}
