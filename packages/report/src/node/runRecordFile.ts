import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { writeFileAtomic } from '@kd/files/node';
import { parseRunRecord } from '../parseRunRecord.ts';
import {
  type CacheRecord,
  type ExperimentRecord,
  formatRunRecord,
  type ResultRecord,
  type RunRecord,
  type TrainingRecord,
} from '../runRecord.ts';

const fileName = 'run.json';

/** Keeps the `run.json` of a run: every change is on disk, whole, before its promise resolves. */
export interface RunRecordWriter<Config extends ExperimentRecord = ExperimentRecord> {
  readonly record: RunRecord<Config>;
  /** Changes fields. The seconds of work go on by themselves. */
  update(change: Partial<RunRecord<Config>>): Promise<void>;
  /** Adds the training of a stage, or replaces it. */
  addTraining(stage: string, training: TrainingRecord): Promise<void>;
  /** Adds a cache of outputs by its directory, or replaces it. */
  addCache(directory: string, cache: CacheRecord): Promise<void>;
  /** Adds the test result of a stage, or replaces it. */
  addResult(stage: string, result: ResultRecord): Promise<void>;
}

/**
 * Opens the record of a run for writing. Nothing is written before the first change.
 * @param directory - Directory of the run; it exists.
 * @param first - The record so far; its `seconds` are counted on from now.
 */
export function openRunRecord<Config extends ExperimentRecord>(
  directory: string,
  first: RunRecord<Config>,
): RunRecordWriter<Config> {
  const opened = performance.now();
  let record = first;
  const update = async (change: Partial<RunRecord<Config>>): Promise<void> => {
    record = { ...record, seconds: first.seconds + (performance.now() - opened) / 1000, ...change };
    await writeFileAtomic(path.join(directory, fileName), formatRunRecord(record));
  };
  return {
    get record() {
      return record;
    },
    update,
    addTraining: (stage, training) =>
      update({ trainings: { ...record.trainings, [stage]: training } }),
    addCache: (name, cache) => update({ caches: { ...record.caches, [name]: cache } }),
    addResult: (stage, result) => update({ results: { ...record.results, [stage]: result } }),
  };
}

/**
 * Reads the record of a run.
 * @returns undefined where the directory holds no `run.json`.
 * @throws RangeError on a file that is no record, or one of another version.
 */
export async function readRunRecord(directory: string): Promise<RunRecord | undefined> {
  const file = path.join(directory, fileName);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
  return parseRunRecord(text, file);
}
