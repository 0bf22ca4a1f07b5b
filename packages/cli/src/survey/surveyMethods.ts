import { cp } from 'node:fs/promises';
import path from 'node:path';
import { ensureDirectory } from '@kd/files/node';
import { openRunRecord } from '@kd/report/node';
import { configure } from '../experiment/configure.ts';
import { selectImages } from '../experiment/dataset.ts';
import type { Experiment } from '../experiment/defineExperiment.ts';
import { findMethod, type MethodName } from '../experiment/methods.ts';
import type { SessionServices } from '../run/context.ts';
import { openEngine } from '../run/engine.ts';
import { runPipeline } from '../run/pipeline.ts';
import {
  createRunDirectory,
  type ExperimentRun,
  type FoundRun,
  readRun,
} from '../run/runDirectory.ts';
import { createRun, formatFlags } from '../run/runExperiment.ts';

/** The method whose run trains the teacher and the students alone for all others. */
const first: MethodName = 'softTargets';

export interface SurveyOptions {
  readonly experiment: Experiment;
  /** The experiment file. */
  readonly module?: string;
  /** The command line before the flags: `kd survey survey.ts`. */
  readonly command: string;
  readonly methods: readonly MethodName[];
  readonly seeds: readonly number[];
  /** Receives a directory for each method. */
  readonly directory: string;
}

/**
 * Runs an experiment once with each method, all with the same teacher, images, students and seeds.
 * Finished runs are left alone, interrupted ones go on. A method that fails, for instance by
 * diverging, does not stop the others: its record has the reason.
 */
export async function surveyMethods(
  { experiment, module, command, methods, seeds, directory }: SurveyOptions,
  services: SessionServices,
): Promise<ExperimentRun[]> {
  const { log, signal } = services;
  const engine = await openEngine(undefined, services);
  const images = selectImages(await experiment.dataset(services), experiment.images);
  const finish = async (name: MethodName, record: ExperimentRun): Promise<ExperimentRun> => {
    if (record.status === 'finished') return record;
    log(`== ${name}`);
    return runPipeline({ directory: path.join(directory, name), record, images, ...services });
  };
  const begin = async (target: string): Promise<ExperimentRun> => {
    const started = new Date();
    await createRunDirectory(target, '', started);
    const overrides = { method: first, seeds };
    return createRun({
      config: {
        ...configure(experiment, overrides),
        ...(module !== undefined && { module }),
      },
      images,
      engine,
      command: `${command.replace(' survey ', ' run ')}${formatFlags(overrides, engine.name)}`,
      started,
    });
  };
  const baseDirectory = path.join(directory, first);
  const base = {
    directory: baseDirectory,
    record: await finish(first, (await readRun(baseDirectory)) ?? (await begin(baseDirectory))),
  };
  const records = [base.record];
  for (const method of methods) {
    if (method === first) continue;
    const target = path.join(directory, method);
    try {
      const configured = configure(experiment, { method, seeds: base.record.config.seeds });
      const started = await reuseTeacher(
        base,
        configured,
        target,
        `${command} --methods ${method}`,
      );
      records.push(await finish(method, started));
    } catch (error) {
      if (signal.aborted) throw error;
      log(`${method}: ${(error as Error).message}`);
      const failed = await readRun(target);
      if (failed !== undefined) records.push(failed);
    }
  }
  return records;
}

/**
 * Starts the run of another method with what an earlier run has: teacher, students alone, their
 * test results, and the cached logits where the method uses them. All of it is copied, so that each
 * run stands for itself.
 * @param directory The directory of the new run; one that is started already is returned as it is.
 */
export async function reuseTeacher(
  base: FoundRun,
  { distillation }: Pick<ExperimentRun['config'], 'distillation'>,
  directory: string,
  command: string,
): Promise<ExperimentRun> {
  const started = await readRun(directory);
  if (started !== undefined) return started;
  const { finished: _, ...record } = base.record;
  const { needs, strategy } = findMethod(distillation.method);
  const run: ExperimentRun = {
    ...record,
    status: 'running',
    started: new Date().toISOString(),
    seconds: 0,
    command,
    config: { ...record.config, distillation },
    trainings: withoutDistilled(record.trainings),
    caches: needs === 'logits' && strategy === undefined ? record.caches : {},
    results: withoutDistilled(record.results),
  };
  await ensureDirectory(directory);
  for (const stage of [...Object.keys(run.trainings), ...Object.keys(run.caches)])
    await cp(path.join(base.directory, stage), path.join(directory, stage), { recursive: true });
  const writer = openRunRecord(directory, run);
  await writer.update({});
  return writer.record;
}

function withoutDistilled<Stage extends { readonly role: string }>(
  stages: Readonly<Record<string, Stage>>,
): Record<string, Stage> {
  return Object.fromEntries(Object.entries(stages).filter(([, { role }]) => role !== 'distilled'));
}
