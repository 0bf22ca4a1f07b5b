import { ensure } from '@kd/core';
import type { RunRecord as AnyRunRecord } from '@kd/report';
import { readRecord as readAnyRecord } from '@kd/report/node';
import { architectures } from '../architectures.ts';
import type { RunConfig } from '../config.ts';
import { methods } from '../methods/index.ts';

/** The record of a run that this command has made: its configuration is one of ours. */
export type RunRecord = AnyRunRecord<RunConfig>;

/**
 * Reads the `run.json` of a run.
 * @returns undefined where the directory holds no run. @throws RangeError on a file of another
 * version, or one that names a network or a method that does not exist.
 */
export async function readRecord(directory: string): Promise<RunRecord | undefined> {
  const record = await readAnyRecord(directory);
  if (record === undefined) return undefined;
  const { teacher, student, distillation } = record.config;
  const caller = `run.json in ${directory}`;
  for (const { architecture } of [teacher, student])
    ensure(architecture in architectures, caller, 'a known network', architecture);
  ensure(distillation.method in methods, caller, 'a known method', distillation.method);
  return record as RunRecord;
}
