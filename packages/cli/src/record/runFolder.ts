import { constants } from 'node:fs';
import { access, readdir, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { ensure, expectedError } from '@kd/core';
import { ensureDirectory } from '@kd/files/node';
import type { RunRecord } from './run.ts';
import { readRecord } from './run.ts';

/** Where runs go unless they are sent elsewhere. */
const root = 'runs';

/** A run that is on disk. */
export interface FoundRun {
  readonly directory: string;
  readonly record: RunRecord;
}

/**
 * Makes the folder of a new run. @param wanted undefined: `runs/2026-03-01-12h04-quick`, with a
 * number behind it where that is taken.
 * @throws RangeError where it cannot be written to, or holds something already.
 */
export async function newFolder(
  wanted: string | undefined,
  preset: string,
  started: Date,
): Promise<string> {
  const name = `${started.toISOString().slice(0, 16).replace('T', '-').replace(':', 'h')}-${preset}`;
  const directory = path.resolve(wanted ?? (await free(path.join(root, name))));
  try {
    await ensureDirectory(directory);
    await access(directory, constants.W_OK);
  } catch (error) {
    throw expectedError(
      '--out',
      'a folder that can be written to',
      `${directory}: ${(error as Error).message}`,
      'choose another one',
    );
  }
  const holds = await readdir(directory);
  ensure(
    holds.length === 0,
    '--out',
    'a new or empty folder',
    `${directory} with ${holds[0]} in it`,
    'choose another one, or --resume it',
  );
  return directory;
}

/** Takes a folder away again that nothing was written to. */
export async function removeIfEmpty(directory: string): Promise<void> {
  await rmdir(directory).catch(() => {});
}

/**
 * @param wanted A run's folder; '': the latest in `runs` that is not finished. @throws RangeError
 * where there is none.
 */
export async function findRun(wanted: string): Promise<FoundRun> {
  if (wanted !== '') {
    const record = await readRecord(wanted);
    if (record === undefined)
      throw expectedError('--resume', 'the folder of a run', `${wanted} without run.json`);
    return { directory: path.resolve(wanted), record };
  }
  const names = await readdir(root).catch((): string[] => []);
  const read = async (name: string) => ({
    directory: path.resolve(root, name),
    record: await readRecord(path.join(root, name)),
  });
  const found = (await Promise.all(names.map(read))).flatMap(({ directory, record }) =>
    record === undefined ? [] : [{ directory, record }],
  );
  const open = found
    .filter(({ record }) => record.status !== 'finished')
    .sort((left, right) => right.record.started.localeCompare(left.record.started));
  if (open[0] === undefined)
    throw expectedError('--resume', `an interrupted run in ${root}`, 'none', 'start a new one');
  return open[0];
}

async function free(folder: string): Promise<string> {
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? folder : `${folder}-${number}`;
    const taken = await access(candidate).then(
      () => true,
      () => false,
    );
    if (!taken) return candidate;
  }
}
