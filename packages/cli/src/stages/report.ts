import path from 'node:path';
import { writeFileAtomic } from '@kd/files/node';
import { reportPage } from '@kd/report';
import type { RunRecord } from '../record/run.ts';
import type { Context } from './context.ts';
import { readLogits } from './test.ts';

/** Writes `report.html` beside `run.json`. @returns Its place. */
export async function reportStage(context: Context): Promise<string> {
  const { directory, ledger, pictures } = context;
  const record: RunRecord = ledger.record;
  const [seed] = record.config.seeds as readonly [number];
  const { test } = pictures;
  const size = test.imageShape[0] * test.imageShape[1] * test.imageShape[2];
  const page = reportPage(record, {
    picture: (at) =>
      test.pixels.subarray(
        (test.rows[at] as number) * size,
        ((test.rows[at] as number) + 1) * size,
      ),
    imageShape: test.imageShape,
    labels: Array.from(test.rows, (row) => test.labels[row] as number),
    classNames: test.classNames,
    logits: {
      teacher: await readLogits(context, 'teacher', seed),
      alone: await readLogits(context, 'alone', seed),
      distilled: await readLogits(context, 'distilled', seed),
    },
  });
  const file = path.join(directory, 'report.html');
  await writeFileAtomic(file, page);
  return file;
}
