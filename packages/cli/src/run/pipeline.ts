import { formatElapsed } from '@kd/core/internal';
import { formatMethod, type RunRecord } from '@kd/report';
import { openRunRecord } from '@kd/report/node';
import type { RunConfig } from '../experiment/configure.ts';
import type { RunImages } from '../experiment/dataset.ts';
import { findMethod } from '../experiment/methods.ts';
import type { SessionServices, StageContext } from './context.ts';
import {
  assistantJob,
  baselineJob,
  distilledJob,
  generationJobs,
  type TrainingJob,
  teacherJob,
} from './jobs.ts';
import { reportStage, testStage } from './resultStages.ts';
import { cacheLogitsStage, trainStage } from './trainStage.ts';

export interface PipelineOptions extends SessionServices {
  /** The directory that receives everything. */
  readonly directory: string;
  /** A new run's record, or an interrupted run's: what is finished in it is not done again. */
  readonly record: RunRecord<RunConfig>;
  readonly images: RunImages;
}

interface Stage {
  readonly title: string;
  readonly run: (context: StageContext) => Promise<unknown>;
}

/**
 * Runs an experiment: trains the teacher and the student alone, caches the teacher's logits,
 * distils the student, tests each network once and writes the report.
 * @returns The finished record.
 * @throws What stopped it, after `run.json` has it; the signal's reason where the signal did.
 */
export async function runPipeline({
  directory,
  record,
  images,
  createProgress,
  log,
  signal,
}: PipelineOptions): Promise<RunRecord<RunConfig>> {
  const { error: _, ...clean } = record;
  const writer = openRunRecord(directory, clean);
  const context: StageContext = {
    directory,
    writer,
    images,
    createProgress,
    log: (line) => log(`      ${line}`),
    signal,
  };
  await writer.update({ status: 'running' });
  try {
    const stages = listStages(record.config);
    for (const [index, { title, run }] of stages.entries()) {
      signal.throwIfAborted();
      log(`[${index + 1}/${stages.length}] ${title}`);
      const started = performance.now();
      await run(context);
      log(`      done in ${formatElapsed((performance.now() - started) / 1000)}`);
    }
  } catch (error) {
    const { message } = error as Error;
    await writer
      .update(signal.aborted ? { status: 'interrupted' } : { status: 'failed', error: message })
      .catch(() => {});
    throw error;
  }
  return writer.record;
}

function listStages(experiment: RunConfig): Stage[] {
  const { seeds, distillation } = experiment;
  const teacher = teacherJob(experiment);
  const assistant = assistantJob(experiment);
  const students = seeds.flatMap((seed): Stage[] => {
    const suffix = seeds.length === 1 ? '' : `, seed ${seed}`;
    const baseline = baselineJob(experiment, seed);
    const generations = generationJobs(experiment, seed).flatMap((job) =>
      taughtStages(experiment, job, `${job.title}: ${describe(job)}${suffix}`, suffix),
    );
    const title = `student distilled: ${formatMethod(distillation)}${suffix}`;
    return [
      {
        title: `student alone: ${describe(baseline)}${suffix}`,
        run: (context) => trainStage(context, baseline),
      },
      ...generations,
      ...taughtStages(experiment, distilledJob(experiment, seed), title, suffix),
    ];
  });
  return [
    { title: `teacher: ${describe(teacher)}`, run: (context) => trainStage(context, teacher) },
    ...(assistant === undefined
      ? []
      : taughtStages(experiment, assistant, `assistant: ${describe(assistant)}`, '')),
    ...students,
    {
      title: 'test set, once for each network',
      run: async (context) => {
        await testStage(context, 'teacher', teacher);
        for (const seed of seeds) {
          await testStage(context, 'baseline', baselineJob(experiment, seed));
          await testStage(context, 'distilled', distilledJob(experiment, seed));
        }
      },
    },
    {
      title: 'report',
      run: async (context) => {
        const { writer } = context;
        await writer.update({
          status: 'finished',
          finished: writer.record.finished ?? new Date().toISOString(),
        });
        await reportStage(context);
      },
    },
  ];
}

/** Trains a taught network; its teacher's logits are cached first where the method needs them. */
function taughtStages(
  { distillation, asPublished }: RunConfig,
  job: TrainingJob,
  title: string,
  suffix: string,
): Stage[] {
  const { teacher } = job;
  const train = { title, run: (context: StageContext) => trainStage(context, job) };
  const needsLogits = asPublished !== true && findMethod(distillation.method).needs === 'logits';
  if (teacher === undefined || !needsLogits) return [train];
  return [
    {
      title: `caching the ${teacher.title}'s logits${suffix}`,
      run: (context) => cacheLogitsStage(context, job, teacher),
    },
    train,
  ];
}

function describe({ training }: TrainingJob): string {
  const { architecture, epochs, ownHead } = training;
  return ownHead === undefined
    ? `${architecture}, ${epochs} epochs`
    : `${architecture} with its own ${ownHead.classNames.length} classes`;
}
