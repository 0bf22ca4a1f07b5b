import type { GoldenFile } from './format/file.ts';
import { type Report, recorder } from './format/report.ts';
import { runBatchNorm } from './sections/batchNorm.ts';
import { runLosses } from './sections/losses.ts';
import { runNetworks } from './sections/networks.ts';
import { runOptimizers } from './sections/optimizers.ts';
import { runPerExample } from './sections/perExample.ts';
import { runCurriculum, runSchedules } from './sections/schedules.ts';

export { type GoldenFile, readGolden } from './format/file.ts';
export { linesOf, type Report } from './format/report.ts';

/** Runs everything in the file that is implemented, on the current engine. */
export async function runGolden(file: GoldenFile): Promise<Report> {
  const records = recorder();
  for (const run of [
    runLosses,
    runPerExample,
    runOptimizers,
    runSchedules,
    runBatchNorm,
    runCurriculum,
    runNetworks,
  ])
    await run(file, records);
  return records.report();
}
