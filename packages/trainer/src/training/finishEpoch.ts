import { BEST } from '../checkpoints/checkpoint.ts';
import { readWeights, saveVariables } from '../checkpoints/weights.ts';
import type { Metrics } from '../evaluation.ts';
import { type Run, rateOf, save, weightsOf } from './run.ts';
import type { SumsRead } from './sums.ts';
import type { EpochReport, TrainOptions } from './types.ts';

/**
 * After an epoch's last step: validation and `best` under the averaged weights, the report, and
 * `last`.
 */
export async function finishEpoch(run: Run, read: SumsRead): Promise<EpochReport> {
  const epoch = run.position.epoch + 1;
  // Weights can break in the very last update, whose loss nobody saw.
  await readWeights('train', weightsOf(run), ` at epoch ${epoch}`);
  run.average?.swap();
  let report: EpochReport;
  try {
    report = await reportOf(run, read);
  } finally {
    run.average?.swap();
  }
  run.history.push(report);
  run.position = { epoch, step: 0 };
  run.images = 0;
  run.seconds = 0;
  run.sums?.clear();
  await save(run);
  return report;
}

/** True when all epochs are done, or `patience` of them brought nothing better. */
export function isDone(run: Run): boolean {
  const { epochs, patience } = run.options;
  const since = run.history.reduce((count, { isBest }) => (isBest ? 0 : count + 1), 0);
  return run.position.epoch >= epochs || (patience !== undefined && since >= patience);
}

async function reportOf(run: Run, { images, means }: SumsRead): Promise<EpochReport> {
  const { data: batches, student, store, validation } = run.options;
  const { accuracy, gradientNorm, ...terms } = means as { accuracy: number; gradientNorm?: number };
  const steps = batches.batchesPerEpoch;
  const { epoch } = run.position;
  const report = await agreed(run, {
    epoch: epoch + 1,
    steps,
    images,
    seconds: run.seconds,
    imagesPerSecond: images / run.seconds,
    learningRate: rateOf(run, (epoch * steps + steps - 1) / (run.options.epochs * steps)),
    terms,
    accuracy,
    ...(gradientNorm === undefined ? {} : { gradientNorm }),
    ...(validation === undefined ? {} : { validation: scoresOf(await run.evaluate(validation)) }),
    isBest: false,
  });
  const isBest = run.history.every((earlier) => isBetter(run.options, report, earlier));
  if (isBest && store !== undefined)
    await store.write(BEST, await saveVariables(student, { epoch: String(epoch + 1) }));
  return { ...report, isBest };
}

/** The first process's report: the others differ from it in the seconds they measured. */
async function agreed({ fromFirst }: Run, report: EpochReport): Promise<EpochReport> {
  if (fromFirst === undefined) return report;
  const bytes = await fromFirst(async () => new TextEncoder().encode(JSON.stringify(report)));
  return JSON.parse(new TextDecoder().decode(bytes)) as EpochReport;
}

function isBetter(
  { bestBy = 'accuracy' }: TrainOptions,
  report: EpochReport,
  earlier: EpochReport,
): boolean {
  switch (bestBy) {
    case 'accuracy':
      return (
        (report.validation?.top1 ?? report.accuracy) >
        (earlier.validation?.top1 ?? earlier.accuracy)
      );
    case 'loss':
      return (
        (report.validation?.loss ?? lossOf(report)) < (earlier.validation?.loss ?? lossOf(earlier))
      );
    default:
      bestBy satisfies never;
      return false;
  }
}

function lossOf({ terms }: EpochReport): number {
  return terms.total ?? Number.POSITIVE_INFINITY;
}

/**
 * Without the confusion matrix: a report is kept for every epoch, and a matrix of 1,000 classes has
 * a million numbers.
 */
function scoresOf({ confusion: _, ...scores }: Metrics & { readonly confusion: unknown }): Metrics {
  return scores;
}
