/** Trained networks and their images: of a run, or of a file of weights. */
import { statSync } from 'node:fs';
import { ensure, type Network } from '@kd/core';
import type { Engine } from '@kd/engine';
import { loadWeights } from '@kd/models/node';
import { type ArchitectureName, architectures } from '../experiment/architectures.ts';
import {
  type DatasetLoader,
  describeImages,
  type RunImages,
  selectImages,
} from '../experiment/dataset.ts';
import { imageLoader } from '../experiment/imageSource.ts';
import { chooseName, usageError } from '../experiment/usageError.ts';
import type { SessionServices } from '../run/context.ts';
import { openEngine } from '../run/engine.ts';
import { buildNetwork } from '../run/networks.ts';
import type { FoundRun } from '../run/runDirectory.ts';
import { invocation } from './command.ts';
import { type CommandLine, readEngine, readFlag, readText } from './flags.ts';
import { isModule, loadDatasetModule } from './modules.ts';

/** Whether an argument names a file: of weights, where a run is a directory. */
export function isFile(target: string): boolean {
  return statSync(target, { throwIfNoEntry: false })?.isFile() === true;
}

/** A network from a file of weights, with the images that it is for. */
export interface OpenedWeights {
  /** The caller frees it. */
  readonly network: Network;
  readonly architecture: ArchitectureName;
  readonly images: RunImages;
  readonly engine: Engine;
}

/**
 * Loads the network that `--architecture` names from a file of weights, and the images of
 * `--experiment`, and starts the engine.
 * @throws UsageError where one of the flags is missing.
 */
export async function openWeights(
  file: string,
  line: CommandLine,
  services: SessionServices,
): Promise<OpenedWeights> {
  const required = (flag: 'architecture' | 'experiment', expected: string) => {
    const text = readFlag(line, flag, readText(expected));
    if (text === undefined)
      throw usageError(`--${flag}`, `${expected}, beside a file of weights`, 'nothing');
    return text;
  };
  const architecture = chooseName(
    architectures,
    required('architecture', 'the name of a network'),
    '--architecture',
  );
  const source = required('experiment', 'an experiment file or a data module');
  const { dataset, images: counts } = await loadDatasetModule(source, '--experiment');
  const engine = await openEngine(readEngine(line), services);
  const images = selectImages(await dataset(services), counts);
  const job = {
    name: file,
    title: file,
    role: 'teacher',
    seed: 0,
    training: { architecture, epochs: 1, peakRate: 1 },
  } as const;
  const network = buildNetwork({ images }, job);
  try {
    await loadWeights(network, file, services);
  } catch (error) {
    network.dispose();
    throw error;
  }
  return { network, architecture, images, engine };
}

/** Loads the images of a run from the module that the run or `--experiment` names. */
export async function loadRunImages(
  { directory, record }: FoundRun,
  line: CommandLine,
  services: SessionServices,
): Promise<RunImages> {
  const { images: counts } = record.config;
  const { dataset, source } = await findDataset(record, line);
  const images = selectImages(await dataset(services), counts);
  const { test } = await describeImages(images);
  ensure(
    test.fingerprint === record.data.test.fingerprint,
    source,
    `the test images of ${directory}, ${record.data.test.fingerprint}`,
    test.fingerprint,
    'these are other images; --data or --experiment names others',
  );
  return images;
}

/** The images of a run: where it had them from, or where flags say that they are now. */
async function findDataset(
  { config: { module, data } }: FoundRun['record'],
  line: CommandLine,
): Promise<{ readonly dataset: DatasetLoader; readonly source: string }> {
  const moved = readFlag(line, 'data', readText('images'));
  if (moved !== undefined && !isModule(moved)) {
    if (data === undefined) throw usageError('--data', `a module, as ${module} of the run`, moved);
    return { dataset: imageLoader({ ...data, source: moved }), source: moved };
  }
  const named = moved ?? readFlag(line, 'experiment', readText('an experiment file'));
  if (named === undefined && data !== undefined)
    return { dataset: imageLoader(data), source: data.source };
  const source = named ?? module;
  if (source === undefined)
    throw usageError('--experiment', 'the file with the data set of the run', 'nothing');
  const { dataset } = await loadDatasetModule(source, moved ? '--data' : '--experiment');
  return { dataset, source };
}

/** Returns the argument that is no flag. @throws UsageError where there is none. */
export function requireOperand(
  { operand }: CommandLine,
  command: string,
  expected: string,
): string {
  if (operand !== undefined) return operand;
  const remedy = `${invocation} ${command} --help explains it`;
  throw usageError(`kd ${command}`, expected, 'nothing', remedy);
}
