import path from 'node:path';
import { ensure } from '@kd/core';
import { formatElapsed } from '@kd/core/internal';
import type { Engine, EngineName } from '@kd/engine';
import { type ChoiceRecord, footnotes, resultTable, summarize, summarizeGain } from '@kd/report';
import { writeDataInspection } from '@kd/report/node';
import { configure, type Overrides, type RunConfig } from '../experiment/configure.ts';
import {
  type DatasetLoader,
  describeImages,
  type RunImages,
  selectImages,
} from '../experiment/dataset.ts';
import type { Experiment } from '../experiment/defineExperiment.ts';
import { usageError } from '../experiment/usageError.ts';
import type { SessionServices } from './context.ts';
import { describeEnvironment, openEngine } from './engine.ts';
import { runPipeline } from './pipeline.ts';
import { inspectRun, recordInspection } from './recordInspection.ts';
import {
  createRunDirectory,
  type ExperimentRun,
  type FoundRun,
  findInterrupted,
  findRun,
  removeIfEmpty,
} from './runDirectory.ts';

export interface RunOptions {
  readonly experiment: Experiment;
  /** The module that has the experiment's data set, for `kd evaluate` and `kd report`. */
  readonly module?: string;
  /** The command line before the flags, to be repeated: `kd run quick.ts`. */
  readonly command: string;
  readonly overrides: Overrides;
  readonly engine?: EngineName;
  /** The directory of the run; a new one in `runs` where left out. */
  readonly out?: string;
  /** The directory of an interrupted run to go on with; '' for the latest. */
  readonly resume?: string;
  /** Runs the experiment itself even where its smaller substitute would take its place. */
  readonly noSubstitute?: boolean;
}

/** A run that is ready to start or to go on. */
export interface OpenedRun {
  readonly directory: string;
  readonly record: ExperimentRun;
  readonly images: RunImages;
}

/**
 * Runs an experiment, or goes on with an interrupted run of it, and prints the result.
 * @returns Whether the experiment's claim holds; true where it claims nothing.
 */
export async function runExperiment(
  options: RunOptions,
  services: SessionServices,
): Promise<boolean> {
  const { experiment, resume } = options;
  const datasetOf = ({ config }: ExperimentRun) =>
    config.experiment === experiment.name
      ? experiment.dataset
      : (experiment.withoutFastEngine ?? experiment).dataset;
  const opened =
    resume === undefined
      ? await openNewRun(options, services)
      : await reopenRun({ ...options, resume, datasetOf }, services);
  return completeRun(opened, options.command, services);
}

/**
 * Does what is left of a run, and prints the result.
 * @param command The command line that goes on with it, without `--resume`.
 * @returns Whether the experiment's claim holds; true where it claims nothing.
 */
export async function completeRun(
  opened: OpenedRun,
  command: string,
  services: SessionServices,
): Promise<boolean> {
  const { log, signal } = services;
  const shown = path.relative('.', opened.directory) || '.';
  const isNew = opened.record.status === 'running' && opened.record.seconds === 0;
  log(`${isNew ? 'a new run' : 'resuming the run'} in ${shown}`);
  try {
    return printResult(await runPipeline({ ...opened, ...services }), shown, log);
  } catch (error) {
    if (signal.aborted) log(`Interrupted; saved. To go on: ${command} --resume ${quote(shown)}`);
    throw error;
  }
}

/** Creates the record of a run that has done nothing yet. */
export async function createRun(options: {
  readonly config: RunConfig;
  readonly images: RunImages;
  readonly engine: Engine;
  /** The command that repeats the run. */
  readonly command: string;
  readonly started: Date;
  readonly choices?: readonly ChoiceRecord[];
}): Promise<ExperimentRun> {
  const { config, images, engine, command, started, choices = [] } = options;
  return {
    format: 2,
    status: 'running',
    started: started.toISOString(),
    seconds: 0,
    command,
    config,
    environment: await describeEnvironment(engine),
    data: await describeImages(images),
    ...(choices.length > 0 && { choices }),
    trainings: {},
    caches: {},
    results: {},
  };
}

async function openNewRun(options: RunOptions, services: SessionServices): Promise<OpenedRun> {
  const { module, overrides, out } = options;
  const started = new Date();
  // A wrong flag or an unusable directory is reported before any download or minute of work.
  configure(options.experiment, overrides);
  const early = out === undefined ? undefined : await createRunDirectory(out, '', started);
  try {
    const engine = await openEngine(options.engine, services);
    const experiment = chooseExperiment(options, engine, services.log);
    const config = {
      ...configure(experiment, overrides),
      ...(module !== undefined && { module }),
    };
    const selected = selectImages(await experiment.dataset(services), config.images);
    const inspection = await inspectRun(selected, services);
    const images = { ...selected, warnings: inspection.warnings };
    for (const warning of images.warnings) services.log(`note: ${warning}`);
    const directory = early ?? (await createRunDirectory(undefined, experiment.name, started));
    const command = `${options.command}${formatFlags(overrides, engine.name)}`;
    // Only what the experiment leaves open: a validation set is always taken as it says.
    const choices = images.choices.filter(({ what }) => what === 'test images');
    const record = await createRun({ config, images, engine, command, started, choices });
    await writeDataInspection(directory, await recordInspection(inspection));
    return { directory, record, images };
  } catch (error) {
    if (early !== undefined) await removeIfEmpty(early);
    throw error;
  }
}

/** How an interrupted run is found and gone on with. */
export interface ReopenOptions extends Pick<RunOptions, 'overrides' | 'engine' | 'out'> {
  readonly experiment: Pick<Experiment, 'name' | 'withoutFastEngine'>;
  /** Its directory; '' for the latest. */
  readonly resume: string;
  /** Returns the loader of the run's images. @throws UsageError where flags name others. */
  readonly datasetOf: (
    record: ExperimentRun,
    shown: string,
  ) => DatasetLoader | Promise<DatasetLoader>;
}

/** Opens an interrupted run, with the images that it had. */
export async function reopenRun(
  options: ReopenOptions,
  services: SessionServices,
): Promise<OpenedRun> {
  const { experiment, resume, datasetOf } = options;
  const names = [experiment, experiment.withoutFastEngine].flatMap((each) => each?.name ?? []);
  const { directory, record }: FoundRun =
    resume === '' ? await findInterrupted(names) : await findRun(resume, '--resume');
  const shown = path.relative('.', directory);
  expectSameRun(options, record, shown);
  const dataset = await datasetOf(record, shown);
  await openEngine(record.environment.engine.name as EngineName, services);
  const images = selectImages(await dataset(services), record.config.images);
  const now = await describeImages(images);
  for (const set of ['train', 'validation', 'test'] as const)
    ensure(
      now[set].fingerprint === record.data[set].fingerprint,
      `--resume ${directory}`,
      `${set} images ${record.data[set].fingerprint}`,
      now[set].fingerprint,
      'these are other images; start a new run',
    );
  return { directory, record, images };
}

/** Replaces the experiment by its smaller substitute where there is no fast engine. */
function chooseExperiment(
  { experiment, noSubstitute }: RunOptions,
  { name }: Engine,
  log: (line: string) => void,
): Experiment {
  const substitute = experiment.withoutFastEngine;
  const isFast = name === 'tensorflow' || name === 'webgpu';
  if (isFast || substitute === undefined || noSubstitute === true) return experiment;
  log('');
  log(`  The fast engine is not here, so this run is the smaller ${substitute.name} on ${name}.`);
  log('  To get it: npx @kd/cli install   (why it is not here: npx @kd/cli doctor)');
  log(`  To run ${experiment.name} all the same: --no-substitute`);
  log('');
  return substitute;
}

/** Formats flags that repeat a run: ` --epochs 3 --seeds 7, --engine wasm`. */
export function formatFlags(overrides: object, engine: EngineName): string {
  const flags = Object.entries(overrides).map(([name, value]) => {
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    if (value === true) return flag;
    // A single seed keeps its comma: without it, it would be a number of seeds.
    const text = Array.isArray(value)
      ? `${value.join(',')}${value.length === 1 ? ',' : ''}`
      : quote(String(value));
    return `${flag} ${text}`;
  });
  return ['', ...flags, `--engine ${engine}`].join(' ');
}

/** Puts a text that a shell would take apart between quotation marks. */
export function quote(text: string): string {
  return /^[\w@%+=:,./~-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Formats the command that goes on with a run: its own, without the flags that it was given. */
export function resumeCommand({ command }: ExperimentRun, directory: string): string {
  return `${command.replace(/ --(?!data\b)[a-z].*/, '')} --resume ${directory}`;
}

/**
 * Checks that flags beside `--resume` are those of the run.
 * @throws UsageError that names the first that is not.
 */
export function expectSameRun(
  {
    experiment,
    overrides,
    engine,
    out,
  }: Pick<ReopenOptions, 'experiment' | 'overrides' | 'engine' | 'out'>,
  record: ExperimentRun,
  directory: string,
): void {
  const recorded = record.config;
  const { withoutFastEngine } = experiment;
  if (recorded.experiment !== experiment.name && recorded.experiment !== withoutFastEngine?.name)
    throw usageError(
      '--resume',
      `a run of ${experiment.name}`,
      `${directory} of ${recorded.experiment}`,
      `its own command goes on with it: ${resumeCommand(record, directory)}`,
    );
  const { distillation, teacher, student } = recorded;
  const pairs: readonly (readonly [flag: string, given: unknown, recorded: unknown])[] = [
    ['teacher', overrides.teacher, teacher.architecture],
    ['student', overrides.student, student.architecture],
    ['method', overrides.method, distillation.method],
    ['temperature', overrides.temperature, distillation.temperature],
    ['assistant', overrides.assistant, distillation.assistant],
    ['generations', overrides.generations, distillation.generations],
    [
      'teacher-weights',
      overrides.teacherWeights,
      teacher.backbone?.weights ?? teacher.ownHead?.weights,
    ],
    ['images', overrides.images, recorded.images.train],
    ['as-published', overrides.asPublished, recorded.asPublished ?? false],
    ['epochs', overrides.epochs, student.epochs],
    ['teacher-epochs', overrides.teacherEpochs, teacher.epochs],
    ['sampling', overrides.sampling, recorded.sampling],
    ['class-weights', overrides.classWeights, recorded.classWeights],
    ['no-flip', overrides.noFlip, !recorded.augmentation.flip],
    ['seeds', overrides.seeds?.join(','), recorded.seeds.join(',')],
    ['engine', engine, record.environment.engine.name],
  ];
  for (const [flag, given, own] of pairs)
    if (given !== undefined && given !== own)
      throw usageError(
        `--${flag}`,
        `${own ?? 'nothing'}, as in ${directory}`,
        given,
        'leave it out, or start a new run',
      );
  for (const [flag, value] of [
    ['teacher-classes', overrides.teacherClasses],
    ['class-map', overrides.classMap],
  ])
    if (value !== undefined)
      throw usageError(`--${flag}`, 'nothing beside --resume', value, 'the run has it');
  if (out !== undefined)
    throw usageError('--out', 'nothing beside --resume', out, 'a run stays in its directory');
}

function printResult(record: ExperimentRun, shown: string, log: (line: string) => void): boolean {
  const summary = summarize(record);
  ensure(summary !== undefined, shown, 'results of all networks', 'a run without', 'resume it');
  const { sentence, holds = true } = summarizeGain(record, summary);
  log(`\n${resultTable(summary)}\n\n${sentence}`);
  const notes = footnotes(record);
  if (notes !== undefined) log(notes);
  if (!holds)
    log(
      `kd: ${record.config.experiment}: expected the distilled student to be better than the student alone, and it is not; more seeds (--seeds 3) tell chance from effect.`,
    );
  log(`Took ${formatElapsed(record.seconds)}. Report: ${path.join(shown, 'report.html')}`);
  return holds;
}
