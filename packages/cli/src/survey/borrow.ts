import { cp } from 'node:fs/promises';
import path from 'node:path';
import { ensureDirectory } from '@kd/files/node';
import { openLedger } from '@kd/report/node';
import { configure } from '../config.ts';
import { type MethodName, methodOf } from '../methods/index.ts';
import type { RunRecord } from '../record/run.ts';
import { readRecord } from '../record/run.ts';
import type { FoundRun } from '../record/runFolder.ts';

/**
 * A run of another method that begins with what an earlier run has already: teacher, students alone
 * and their tests, and the recordings where the method
 * hears logits. All of it is copied, so that each run stands for itself.
 * @param directory Of the new run; one that is begun already is gone on with.
 */
export async function borrow(
  base: FoundRun,
  method: MethodName,
  directory: string,
): Promise<RunRecord> {
  const begun = await readRecord(directory);
  if (begun !== undefined) return begun;
  const { finished: _, ...record } = base.record;
  const { config } = record;
  const { hears, company } = methodOf(method);
  const borrowed: RunRecord = {
    ...record,
    status: 'running',
    started: new Date().toISOString(),
    seconds: 0,
    command: `npm run survey -- --methods ${method}`,
    config: configure(config.preset, { about: '', ...config }, { method }),
    trainings: withoutDistilled(record.trainings),
    recordings: hears === 'logits' && company === undefined ? record.recordings : {},
    results: withoutDistilled(record.results),
  };
  await ensureDirectory(directory);
  const stages = [...Object.keys(borrowed.trainings), ...Object.keys(borrowed.recordings)];
  for (const stage of stages)
    await cp(path.join(base.directory, stage), path.join(directory, stage), { recursive: true });
  const ledger = openLedger(directory, borrowed);
  await ledger.update({});
  return ledger.record;
}

function withoutDistilled<Stage extends { readonly actor: string }>(
  stages: Readonly<Record<string, Stage>>,
): Record<string, Stage> {
  return Object.fromEntries(
    Object.entries(stages).filter(([, { actor }]) => actor !== 'distilled'),
  );
}
