import path from 'node:path';
import { loadCifar10 } from '@kd/data/node';
import type { Engine } from '@kd/engine';
import { commandOf } from '../command/repeat.ts';
import { configure } from '../config.ts';
import { openEngine } from '../environment.ts';
import type { MethodName } from '../methods/index.ts';
import { choosePictures, type Pictures } from '../pictures.ts';
import { runPipeline } from '../pipeline.ts';
import { presets } from '../presets.ts';
import { newRecord } from '../record/newRecord.ts';
import type { RunRecord } from '../record/run.ts';
import { readRecord } from '../record/run.ts';
import { newFolder } from '../record/runFolder.ts';
import type { Surroundings } from '../session.ts';
import { borrow } from './borrow.ts';

/** Its run has the teacher and the students alone that all others borrow. */
const first: MethodName = 'soft-targets';

export interface SurveyOptions {
  readonly methods: readonly MethodName[];
  readonly seeds: readonly number[];
  /** A folder for each method's run comes into it. */
  readonly directory: string;
}

/**
 * One run of the pipeline for each method, all with the same teacher, pictures, students and seeds.
 * Finished runs stay, interrupted ones go on.
 * A method that fails, by diverging for instance, does not hold up the others: its record says why.
 */
export async function survey(
  { methods, seeds, directory }: SurveyOptions,
  surroundings: Surroundings,
): Promise<RunRecord[]> {
  const { log } = surroundings;
  const engine = await openEngine(undefined, surroundings);
  const pictures = choosePictures(await loadCifar10(surroundings), presets.survey.data);
  const finish = async (name: MethodName, record: RunRecord): Promise<RunRecord> => {
    if (record.status === 'finished') return record;
    log(`== ${name}`);
    return runPipeline({
      directory: path.join(directory, name),
      record,
      pictures,
      ...surroundings,
    });
  };
  const baseDirectory = path.join(directory, first);
  const begun =
    (await readRecord(baseDirectory)) ?? (await begin(baseDirectory, seeds, pictures, engine));
  const base = { directory: baseDirectory, record: await finish(first, begun) };
  const records = [base.record];
  for (const method of methods) {
    if (method === first) continue;
    const folder = path.join(directory, method);
    try {
      records.push(await finish(method, await borrow(base, method, folder)));
    } catch (error) {
      if (surroundings.signal.aborted) throw error;
      log(`${method}: ${(error as Error).message}`);
      const failed = await readRecord(folder);
      if (failed !== undefined) records.push(failed);
    }
  }
  return records;
}

async function begin(
  directory: string,
  seeds: readonly number[],
  pictures: Pictures,
  engine: Engine,
): Promise<RunRecord> {
  const started = new Date();
  await newFolder(directory, '', started);
  const config = configure('survey', presets.survey, { method: first, seeds });
  return newRecord({
    config,
    pictures,
    engine,
    command: commandOf('survey', engine.name, { seeds }),
    started,
  });
}
