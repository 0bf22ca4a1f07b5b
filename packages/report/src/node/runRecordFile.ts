import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ensure, expectedError } from '@kd/core';
import { writeFileAtomic } from '@kd/files/node';
import type {
  ExperimentRecord,
  RecordingRecord,
  ResultRecord,
  RunRecord,
  TrainingRecord,
} from '../runRecord.ts';

const file = 'run.json';

/** Keeps `run.json` as it grows: every change is on disk, whole, before the promise resolves. */
export interface Ledger<Experiment extends ExperimentRecord = ExperimentRecord> {
  readonly record: RunRecord<Experiment>;
  update(change: Partial<RunRecord<Experiment>>): Promise<void>;
  training(name: string, training: TrainingRecord): Promise<void>;
  recording(name: string, recording: RecordingRecord): Promise<void>;
  result(name: string, result: ResultRecord): Promise<void>;
}

/**
 * @param directory Of the run. @param first What is known already; `seconds` counts on from there.
 */
export function openLedger<Experiment extends ExperimentRecord>(
  directory: string,
  first: RunRecord<Experiment>,
): Ledger<Experiment> {
  const opened = performance.now();
  let record = first;
  const update = async (change: Partial<RunRecord<Experiment>>): Promise<void> => {
    record = { ...record, seconds: first.seconds + (performance.now() - opened) / 1000, ...change };
    await writeFileAtomic(path.join(directory, file), `${JSON.stringify(record, undefined, 2)}\n`);
  };
  return {
    get record() {
      return record;
    },
    update,
    training: (name, training) => update({ trainings: { ...record.trainings, [name]: training } }),
    recording: (name, recording) =>
      update({ recordings: { ...record.recordings, [name]: recording } }),
    result: (name, result) => update({ results: { ...record.results, [name]: result } }),
  };
}

/**
 * @returns undefined where the folder holds no run. @throws RangeError on a file that is none of
 * ours.
 */
export async function readRecord(directory: string): Promise<RunRecord | undefined> {
  const place = path.join(directory, file);
  let text: string;
  try {
    text = await readFile(place, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
  const record = parsed(place, text);
  const parts = ['config', 'environment', 'data', 'trainings', 'recordings', 'results'] as const;
  ensure(
    record.format === 1,
    place,
    'a run record of format 1',
    record.format,
    'it is of another version',
  );
  for (const part of parts)
    ensure(
      typeof record[part] === 'object' && record[part] !== null,
      place,
      `the field ${part}`,
      record[part],
    );
  return record;
}

function parsed(place: string, text: string): RunRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw expectedError(place, 'a run record in JSON', (cause as Error).message);
  }
  ensure(typeof value === 'object' && value !== null, place, 'a run record', text.slice(0, 40));
  return value as RunRecord;
}
