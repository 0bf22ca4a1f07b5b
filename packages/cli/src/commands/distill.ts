import path from 'node:path';
import { pixelRecipes } from '@kd/data';
import { distillName } from '../distill/chooseTraining.ts';
import { type DataFlags, openDistillation } from '../distill/openDistillation.ts';
import type { DatasetLoader } from '../experiment/dataset.ts';
import { imageLoader } from '../experiment/imageSource.ts';
import { chooseName, usageError } from '../experiment/usageError.ts';
import type { SessionServices } from '../run/context.ts';
import type { ExperimentRun } from '../run/runDirectory.ts';
import { completeRun, quote, reopenRun } from '../run/runExperiment.ts';
import { type Command, invocation } from './command.ts';
import {
  type CommandLine,
  readEngine,
  readFlag,
  readMinutes,
  readOverrides,
  readSize,
  readText,
  withoutUndefined,
} from './flags.ts';
import { isModule, loadDatasetModule } from './modules.ts';
import { comparison, directory, runFlags } from './run.ts';

const columnFlags = ['image-column', 'label-column'] as const;
const dataFlags = ['size', 'recipe', 'skip-broken', ...columnFlags] as const;

/** `kd distill`. */
export const distill: Command = {
  flags: ['data', ...dataFlags, 'minutes', ...runFlags],
  about: 'Distils a student on your own images, without an experiment file.',
  notes: [
    '--data is a directory with a directory for each class (train/, val/ and test/ above them where they are), a .csv of files and labels, a .parquet file or a directory of them, .npz, IDX files, an archive of CIFAR-100, tar shards, or hf://datasets/<owner>/<name>. A module (.ts, .js) that exports dataset, an async function that returns { train, test, source }, does for anything else.',
    'What no flag says is chosen by the images and printed with the reason: their size, teacher, student, epochs. Small square pictures get the recipe of examples/cifar10/quick.ts; larger ones a teacher that is pretrained on ImageNet, where its weights can be had. The record of the run has all numbers, and the command that repeats it.',
    comparison,
    directory,
  ],
  lists: ['architectures', 'methods'],
  async run(line, services) {
    const data = readData(line);
    const resume = line.values.get('resume');
    const overrides = readOverrides(line);
    const minutes = readMinutes(line);
    const options = withoutUndefined({
      engine: readEngine(line),
      out: readFlag(line, 'out', readText('a directory')),
    });
    const command = `${invocation} distill`;
    if (resume !== undefined) {
      if (minutes !== undefined)
        throw usageError('--minutes', 'nothing beside --resume', minutes, 'leave it out');
      const opened = await reopenRun(
        {
          ...options,
          experiment: { name: distillName },
          overrides,
          resume,
          datasetOf: (record, shown) => reloadImages(record, shown, data),
        },
        services,
      );
      return finish(opened, command, services);
    }
    if (data === undefined)
      throw usageError(
        '--data',
        'a directory, a file or an address of images',
        'nothing',
        `${invocation} distill --help explains it`,
      );
    const dataset = isModule(data.source) ? await loadModule(data, line) : undefined;
    const opened = await openDistillation(
      {
        ...options,
        data,
        overrides,
        ...(minutes !== undefined && { minutes }),
        ...(dataset !== undefined && { dataset }),
        ...(line.values.has('no-substitute') && { noSubstitute: true }),
        command,
      },
      services,
    );
    return finish(opened, `${command} --data ${quote(data.source)}`, services);
  },
};

async function finish(
  opened: Parameters<typeof completeRun>[0],
  command: string,
  services: SessionServices,
): Promise<number> {
  return (await completeRun(opened, command, services)) ? 0 : 1;
}

/** Reads `--data` and the flags beside it; undefined where it is left out. */
function readData(line: CommandLine): DataFlags | undefined {
  const source = readFlag(line, 'data', readText('images'));
  if (source === undefined) {
    for (const name of dataFlags)
      if (line.values.has(name))
        throw usageError(`--${name}`, 'nothing without --data', line.values.get(name));
    return undefined;
  }
  const column = readText('the name of a column');
  return {
    source,
    ...withoutUndefined({
      size: readSize(line),
      recipe: readFlag(line, 'recipe', (text, flag) => chooseName(pixelRecipes, text, flag)),
      skipBroken: line.values.has('skip-broken') || undefined,
      imageColumn: readFlag(line, 'image-column', column),
      labelColumn: readFlag(line, 'label-column', column),
    }),
  } as DataFlags;
}

async function loadModule({ source }: DataFlags, line: CommandLine): Promise<DatasetLoader> {
  for (const name of dataFlags)
    if (line.values.has(name))
      throw usageError(
        `--${name}`,
        `nothing for the module ${source}, which reads its images itself`,
        line.values.get(name) || 'the flag',
        'leave it out',
      );
  return (await loadDatasetModule(source, '--data')).dataset;
}

/** Finds the images of a run again. @throws UsageError where flags name other ones. */
async function reloadImages(
  { config }: ExperimentRun,
  shown: string,
  given: DataFlags | undefined,
): Promise<DatasetLoader> {
  const { module, data } = config;
  const recorded: Partial<DataFlags> =
    data === undefined ? { source: module ?? '' } : (data as Partial<DataFlags>);
  for (const [name, value] of Object.entries(given ?? {})) {
    const own = recorded[name as keyof DataFlags];
    const isSame = name === 'source' ? isSamePath(String(own), String(value)) : own === value;
    if (isSame) continue;
    const flag =
      name === 'source' ? 'data' : name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const remedy = 'leave it out, or start a new run';
    throw usageError(`--${flag}`, `${own ?? 'nothing'}, as in ${shown}`, value, remedy);
  }
  if (data !== undefined) return imageLoader(data);
  return (await loadDatasetModule(module ?? '', '--data')).dataset;
}

function isSamePath(left: string, right: string): boolean {
  return left === right || path.resolve(left) === path.resolve(right);
}
