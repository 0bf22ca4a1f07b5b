import type { ProgressFactory } from '@kd/core';
import { duration, lessonName } from '@kd/report';
import { openLedger } from '@kd/report/node';
import type { RunConfig } from './config.ts';
import { methodOf } from './methods/index.ts';
import type { Pictures } from './pictures.ts';
import {
  alonePupil,
  assistantOf,
  distilledPupil,
  generationsOf,
  type Pupil,
  teacherPupil,
} from './record/pupils.ts';
import type { RunRecord } from './record/run.ts';
import type { Context } from './stages/context.ts';
import { recordStage } from './stages/record.ts';
import { reportStage } from './stages/report.ts';
import { testStage } from './stages/test.ts';
import { trainStage } from './stages/train.ts';

export interface PipelineOptions {
  /** Of the run: everything it leaves is in it. */
  readonly directory: string;
  /** A new run's, or an interrupted one's: then what is finished in it is not done again. */
  readonly record: RunRecord;
  readonly pictures: Pictures;
  readonly createProgress: ProgressFactory;
  /** Told what is being done, a line at a time. */
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

interface Stage {
  readonly title: string;
  readonly run: (context: Context) => Promise<unknown>;
}

/**
 * The experiment: teacher, student alone, teacher recorded, student distilled, the test set once
 * for each, the report.
 * @returns The finished record. @throws What stopped it, after `run.json` says so; where the signal
 * did, its reason.
 */
export async function runPipeline({
  directory,
  record,
  pictures,
  createProgress,
  log,
  signal,
}: PipelineOptions): Promise<RunRecord> {
  const { error: _, ...clean } = record;
  const ledger = openLedger(directory, clean);
  const context: Context = {
    directory,
    ledger,
    pictures,
    createProgress,
    log: (line) => log(`      ${line}`),
    signal,
  };
  await ledger.update({ status: 'running' });
  try {
    const stages = stagesOf(record);
    for (const [at, { title, run }] of stages.entries()) {
      signal.throwIfAborted();
      log(`[${at + 1}/${stages.length}] ${title}`);
      const started = performance.now();
      await run(context);
      log(`      done in ${duration((performance.now() - started) / 1000)}`);
    }
  } catch (error) {
    const { message } = error as Error;
    await ledger
      .update(signal.aborted ? { status: 'interrupted' } : { status: 'failed', error: message })
      .catch(() => {});
    throw error;
  }
  return ledger.record;
}

function stagesOf({ config }: RunRecord): Stage[] {
  const { seeds, distillation } = config;
  const teacher = teacherPupil(config);
  const assistant = assistantOf(config);
  const students = seeds.flatMap((seed): Stage[] => {
    const of = seeds.length === 1 ? '' : `, seed ${seed}`;
    const alone = alonePupil(config, seed);
    const generations = generationsOf(config, seed).flatMap((pupil) =>
      taught(config, pupil, `${pupil.title}: ${described(pupil)}${of}`, of),
    );
    const distilled = distilledPupil(config, seed);
    return [
      {
        title: `student alone: ${described(alone)}${of}`,
        run: (context) => trainStage(context, alone),
      },
      ...generations,
      ...taught(config, distilled, `student distilled: ${lessonName(distillation)}${of}`, of),
    ];
  });
  return [
    { title: `teacher: ${described(teacher)}`, run: (context) => trainStage(context, teacher) },
    ...(assistant === undefined
      ? []
      : taught(config, assistant, `assistant: ${described(assistant)}`, '')),
    ...students,
    {
      title: 'test set, once for each',
      run: async (context) => {
        await testStage(context, 'teacher', teacher);
        for (const seed of seeds) {
          await testStage(context, 'alone', alonePupil(config, seed));
          await testStage(context, 'distilled', distilledPupil(config, seed));
        }
      },
    },
    {
      title: 'report',
      run: async (context) => {
        const { ledger } = context;
        await ledger.update({
          status: 'finished',
          finished: ledger.record.finished ?? new Date().toISOString(),
        });
        await reportStage(context);
      },
    },
  ];
}

/** What its teacher says of its pictures is recorded first, where the method hears logits alone. */
function taught(
  { distillation, asPrinted }: RunConfig,
  pupil: Pupil,
  title: string,
  of: string,
): Stage[] {
  const { teacher } = pupil;
  const train = { title, run: (context: Context) => trainStage(context, pupil) };
  if (
    teacher === undefined ||
    asPrinted === true ||
    methodOf(distillation.method).hears !== 'logits'
  )
    return [train];
  return [
    {
      title: `recording the ${teacher.title}'s logits${of}`,
      run: (context) => recordStage(context, pupil, teacher),
    },
    train,
  ];
}

function described({ choice }: Pupil): string {
  return `${choice.architecture}, ${choice.epochs} epochs`;
}
