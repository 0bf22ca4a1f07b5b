import { constants } from 'node:fs';
import { access, readdir, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { ensure, expectedError } from '@kd/core';
import { ensureDirectory } from '@kd/files/node';
import type { RunRecord } from '@kd/report';
import { readRunRecord } from '@kd/report/node';
import { architectures } from '../experiment/architectures.ts';
import type { RunConfig } from '../experiment/configure.ts';
import { methods } from '../experiment/methods.ts';

/** Where runs go unless `--out` names another directory. */
const root = 'runs';

/** The record of a run of `kd`. */
export type ExperimentRun = RunRecord<RunConfig>;

/** A run on disk. */
export interface FoundRun {
  readonly directory: string;
  readonly record: ExperimentRun;
}

/**
 * Reads the record of a run.
 * @returns undefined where the directory holds none.
 * @throws RangeError on a record of another version, or with a network or a method that this
 * version does not have.
 */
export async function readRun(directory: string): Promise<ExperimentRun | undefined> {
  const record = await readRunRecord(directory);
  if (record === undefined) return undefined;
  const { teacher, student, distillation } = record.config;
  const caller = `run.json in ${directory}`;
  for (const { architecture } of [teacher, student])
    ensure(Object.hasOwn(architectures, architecture), caller, 'a known network', architecture);
  const { method } = distillation;
  ensure(Object.hasOwn(methods, method), caller, 'a known method', method);
  return record as ExperimentRun;
}

/**
 * Finds a run by its directory.
 * @throws RangeError where there is none in it.
 */
export async function findRun(directory: string, caller: string): Promise<FoundRun> {
  const record = await readRun(directory);
  if (record === undefined)
    throw expectedError(caller, 'the directory of a run', `${directory} without run.json`);
  return { directory: path.resolve(directory), record };
}

/**
 * Finds the latest run in `runs` that is not finished and belongs to one of some experiments.
 * @throws RangeError where there is none, or a run of an earlier version is in the way.
 */
export async function findInterrupted(experiments: readonly string[]): Promise<FoundRun> {
  const names = await readdir(root).catch((): string[] => []);
  const found: FoundRun[] = [];
  const refused: string[] = [];
  for (const name of names) {
    const directory = path.join(root, name);
    try {
      const record = await readRun(directory);
      if (record !== undefined) found.push({ directory: path.resolve(directory), record });
    } catch (error) {
      refused.push((error as Error).message);
    }
  }
  const [latest] = found
    .filter(({ record }) => record.status !== 'finished')
    .filter(({ record }) => experiments.includes(record.config.experiment))
    .sort((left, right) => right.record.started.localeCompare(left.record.started));
  if (latest === undefined)
    throw expectedError(
      '--resume',
      `an interrupted run of ${experiments.join(' or ')} in ${root}`,
      refused.length === 0 ? 'none' : `none that can be read (${refused.at(-1)})`,
      'start a new one, or name its directory',
    );
  return latest;
}

/**
 * Creates the directory of a new run.
 * @param wanted undefined: `runs/2026-03-01-12h04-quick`, numbered where that is taken.
 * @throws RangeError where it cannot be written to, or holds something already.
 */
export async function createRunDirectory(
  wanted: string | undefined,
  experiment: string,
  started: Date,
): Promise<string> {
  const time = started.toISOString().slice(0, 16).replace('T', '-').replace(':', 'h');
  const directory = path.resolve(
    wanted ?? (await unused(path.join(root, `${time}-${experiment}`))),
  );
  try {
    await ensureDirectory(directory);
    await access(directory, constants.W_OK);
  } catch (error) {
    throw expectedError(
      '--out',
      'a directory that can be written to',
      `${directory}: ${(error as Error).message}`,
      'choose another one',
    );
  }
  const contents = await readdir(directory);
  ensure(
    contents.length === 0,
    '--out',
    'a new or empty directory',
    `${directory} with ${contents[0]} in it`,
    'choose another one, or --resume it',
  );
  return directory;
}

/** Removes a directory that nothing was written to. */
export async function removeIfEmpty(directory: string): Promise<void> {
  await rmdir(directory).catch(() => {});
}

async function unused(directory: string): Promise<string> {
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? directory : `${directory}-${number}`;
    const isTaken = await access(candidate).then(
      () => true,
      () => false,
    );
    if (!isTaken) return candidate;
  }
}
