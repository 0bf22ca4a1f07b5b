import type { EpochReport, TrainOptions } from '../../src/index.ts';
import { train } from '../../src/index.ts';

/** Trains to the end. */
export async function reportsOf(options: TrainOptions): Promise<EpochReport[]> {
  const reports: EpochReport[] = [];
  for await (const report of train(options)) reports.push(report);
  return reports;
}

/** The message of what a promise is rejected with. */
export async function messageOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('messageOf: expected a rejection, got none');
}
