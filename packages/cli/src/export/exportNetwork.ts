import { accessSync, constants, existsSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { ensure, expectedError } from '@kd/core';
import { formatBytes } from '@kd/core/internal';
import type { ExportFormat } from '@kd/export/node';
import { hashBytes, type Staging, withStaging, writeFileAtomic } from '@kd/files/node';
import { profile } from '@kd/models';
import { networkGraph } from '@kd/models/graph';
import {
  type CalibrationRecord,
  type ChangedPicture,
  type ExportedFile,
  type ExportedNetwork,
  type ExportRecord,
  exportRecordFormat,
  formatExportRecord,
  type RefusedFile,
  renderExportPage,
} from '@kd/report';
import { usageError } from '../experiment/usageError.ts';
import type { SessionServices } from '../run/context.ts';
import { calibrateOnTraining } from './calibration.ts';
import { findChangedPictures } from './changedPictures.ts';
import { type CheckedVariant, checkFiles } from './checkFiles.ts';
import { countWeightBytes } from './describeLayers.ts';
import { listVariants } from './listVariants.ts';
import type { OpenedNetwork } from './openNetwork.ts';
import { answerTest, createPrepare, prepareTest, withProbabilities } from './testAnswers.ts';
import type { ExportChoice, ExportSource, Variant, WrittenFiles } from './variant.ts';

export interface ExportOptions {
  readonly choice: ExportChoice;
  /** Where the files go. */
  readonly directory: string;
  /** Name of the files: `student`. */
  readonly base: string;
  /** Replaces files that are there. */
  readonly overwrite: boolean;
  /** Test images of the checks; as many as there are, up to 10,000, if left out. */
  readonly images?: number;
  readonly command: string;
  readonly engine: string;
  readonly machine: string;
  /** What an earlier export left in the directory. */
  readonly earlier: ExportRecord | undefined;
}

/**
 * Checks that files can be written, and none is in the way.
 * @throws UsageError that says what is wrong with the directory, or names the first file.
 */
export function expectPlace({
  directory,
  base,
  choice,
  overwrite,
}: Pick<ExportOptions, 'directory' | 'base' | 'choice' | 'overwrite'>): void {
  let existing = directory;
  while (!existsSync(existing)) existing = path.dirname(existing);
  const problem = !statSync(existing).isDirectory() ? 'a file' : explainAccess(existing);
  if (problem !== undefined)
    throw usageError(
      '--out',
      'a directory that can be written to',
      `${existing}: ${problem}`,
      'choose another one',
    );
  if (overwrite) return;
  for (const { name, companions } of listVariants(base, choice))
    for (const each of [name, ...companions]) {
      const file = path.join(directory, each);
      if (existsSync(file))
        throw usageError(
          'kd export',
          'files that are not there yet',
          path.relative('.', file),
          '--overwrite replaces them, --out names another directory',
        );
    }
}

/** Says why a directory cannot be written to; undefined where it can. */
function explainAccess(directory: string): string | undefined {
  try {
    accessSync(directory, constants.W_OK);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * Writes a network as files of other runtimes. Each is written under another name first, run on the
 * runtimes that are here, and gets its own name if it answers as the network does.
 * @returns The record that is written beside them. Files that were refused are in it.
 * @throws RangeError where no file could be written, after nothing was.
 */
export async function exportNetwork(
  opened: OpenedNetwork,
  options: ExportOptions,
  services: SessionServices,
): Promise<ExportRecord> {
  const { directory, earlier } = options;
  const isSame = earlier === undefined || earlier.network.fingerprint === opened.fingerprint;
  if (!isSame && !options.overwrite)
    throw usageError(
      'kd export',
      `the network whose files are in ${path.relative('.', directory)}`,
      'another one',
      '--overwrite replaces them, --out names another directory',
    );
  return withStaging(directory, async (staging) => {
    const found = await writeAndCheck(opened, options, staging, services);
    const { accepted, refused } = found;
    const [first] = refused;
    if (accepted.length === 0)
      throw expectedError(
        first?.name ?? 'kd export',
        'a file that answers as the network does',
        first?.reason,
        'nothing was written',
      );
    const record: ExportRecord = {
      format: exportRecordFormat,
      network: describeNetwork(opened),
      testImages: {
        name: found.testImages,
        fingerprint: found.testFingerprint,
      },
      engine: options.engine,
      machine: options.machine,
      files: sortFiles([...(isSame ? keptFiles(earlier, accepted, directory) : []), ...accepted]),
      refused,
      changed: mergePictures(isSame ? earlier : undefined, found.changed, accepted),
      command: options.command,
    };
    for (const { name, companions } of accepted)
      for (const each of [...companions, name]) await staging.publish(each);
    if (!isSame) removeFiles(earlier, record, directory);
    await writeFileAtomic(path.join(directory, 'export.html'), renderExportPage(record));
    await writeFileAtomic(path.join(directory, 'export.json'), formatExportRecord(record));
    return record;
  });
}

/** The files of an earlier export that stay as they are. */
function keptFiles(
  earlier: ExportRecord | undefined,
  accepted: readonly ExportedFile[],
  directory: string,
): readonly ExportedFile[] {
  const names = new Set(accepted.map(({ name }) => name));
  return (earlier?.files ?? []).filter(
    ({ name }) => !names.has(name) && existsSync(path.join(directory, name)),
  );
}

const formatOrder: readonly ExportFormat[] = ['onnx', 'tfjs', 'litert', 'safetensors'];

/** Sorts files by format; those of one format keep their order. */
function sortFiles(files: readonly ExportedFile[]): readonly ExportedFile[] {
  return formatOrder.flatMap((format) => files.filter((file) => file.format === format));
}

/** Adds the pictures of files that stay. */
function mergePictures(
  earlier: ExportRecord | undefined,
  changed: readonly ChangedPicture[],
  accepted: readonly ExportedFile[],
): readonly ChangedPicture[] {
  const names = new Set(accepted.map(({ name }) => name));
  const merged = new Map(changed.map((picture) => [picture.image, picture]));
  for (const picture of earlier?.changed ?? []) {
    const kept = Object.entries(picture.files).filter(([name]) => !names.has(name));
    const now = merged.get(picture.image);
    if (kept.length > 0)
      merged.set(picture.image, {
        ...picture,
        ...now,
        files: { ...Object.fromEntries(kept), ...now?.files },
      });
  }
  return [...merged.values()];
}

/** Removes files of another network, which the new record does not name. */
function removeFiles(earlier: ExportRecord, record: ExportRecord, directory: string): void {
  const names = new Set(record.files.flatMap(({ name, companions }) => [name, ...companions]));
  for (const { name, companions } of earlier.files)
    for (const each of [name, ...companions])
      if (!names.has(each)) rmSync(path.join(directory, each), { recursive: true, force: true });
}

function describeNetwork({
  network,
  images,
  architecture,
  title,
  source,
  fingerprint,
}: OpenedNetwork): ExportedNetwork {
  const { classNames, imageShape } = images.test;
  return {
    title,
    architecture,
    source,
    fingerprint,
    parameters: profile(network, imageShape).parameters,
    classNames,
    imageShape,
    ...(images.preparation !== undefined && { imagePreparation: images.preparation }),
    preparation: network.preprocessing ?? 'none',
  };
}

/** What came of all files. */
interface Written {
  readonly accepted: readonly ExportedFile[];
  readonly refused: readonly RefusedFile[];
  readonly changed: ExportRecord['changed'];
  readonly testImages: string;
  readonly testFingerprint: string;
}

async function writeAndCheck(
  opened: OpenedNetwork,
  { choice, base, images: wanted }: ExportOptions,
  staging: Staging,
  services: SessionServices,
): Promise<Written> {
  const { network, images } = opened;
  const { imageShape, classNames } = images.test;
  const { preparation } = choice;
  const inside = networkGraph(network, { imageShape, preparation: 'inside', taps: choice.taps });
  const outside = networkGraph(network, { imageShape, preparation: 'outside', taps: choice.taps });
  const graph = preparation === 'inside' ? inside : outside;
  const prepare = createPrepare(inside, outside);
  const variants = listVariants(base, choice);
  const calibrated = variants.some(({ needsCalibration }) => needsCalibration)
    ? await calibrateOnTraining(graph, images, choice, prepare)
    : undefined;
  const source: ExportSource = {
    network,
    graph,
    outside,
    classNames,
    ...(calibrated && { calibration: calibrated.calibration }),
  };
  const refused: RefusedFile[] = [];
  const written = new Map<Variant, WrittenFiles>();
  for (const variant of variants) {
    services.signal.throwIfAborted();
    const files = tryWrite(variant, source, refused);
    if (files === undefined) continue;
    for (const [name, bytes] of Object.entries(files.files))
      await writeFileAtomic(path.join(staging.directory, name), bytes);
    written.set(variant, files);
    services.log(`${variant.name}: ${formatBytes(totalBytes(files))}`);
  }
  // Where no format takes the network, the test images need not be answered.
  const [first] = refused;
  ensure(written.size > 0, first?.name ?? base, 'a network that it can hold', first?.reason);
  const test = await answerTest(network, images.test, wanted, services);
  const checked = await checkFiles(
    staging.directory,
    written,
    ({ output }, files) => {
      const asked = output === 'logits' ? test : withProbabilities(test);
      const isInside = (files.preparation ?? preparation) === 'inside';
      return isInside ? asked : prepareTest(asked, prepare, outside.input.shape);
    },
    services,
  );
  for (const { variant, refusal } of checked)
    if (refusal !== undefined) refused.push({ name: variant.name, reason: refusal });
  const context = { source, preparation, calibration: calibrated?.record };
  return {
    accepted: checked.flatMap((each) => {
      const files = written.get(each.variant);
      return each.refusal !== undefined || files === undefined
        ? []
        : [recordFile(each, files, context)];
    }),
    refused,
    changed: await findChangedPictures(checked, test),
    testImages: test.set.name,
    testFingerprint: await test.set.fingerprint(),
  };
}

/** Writes a file to memory. @returns undefined where its format lacks something. */
function tryWrite(
  variant: Variant,
  source: ExportSource,
  refused: RefusedFile[],
): WrittenFiles | undefined {
  try {
    return variant.write(source);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    refused.push({ name: variant.name, reason: error.message });
    return undefined;
  }
}

function totalBytes({ files }: WrittenFiles): number {
  return Object.values(files).reduce((sum, bytes) => sum + bytes.length, 0);
}

function recordFile(
  { variant, checks, unchecked }: CheckedVariant,
  written: WrittenFiles,
  {
    source,
    preparation,
    calibration,
  }: {
    readonly source: ExportSource;
    readonly preparation: 'inside' | 'outside';
    readonly calibration: CalibrationRecord | undefined;
  },
): ExportedFile {
  const { name, companions, format, weights, activations, layout, output, hasTaps } = variant;
  const { graph } = source;
  const prepares = (written.preparation ?? preparation) === 'inside';
  const beside = companions.filter((file) => written.files[file] !== undefined);
  const own = Object.keys(written.files)
    .filter((file) => !companions.includes(file))
    .sort();
  return {
    name,
    companions: beside,
    format,
    created: new Date().toISOString(),
    weights,
    activations,
    bytes: own.reduce((sum, file) => sum + (written.files[file] as Uint8Array).length, 0),
    weightBytes: countWeightBytes(graph, weights),
    sha256: hashBytes(
      own.map((file) => written.files[file] as Uint8Array),
      'sha256',
    ),
    input: {
      name: graph.input.name,
      imageShape: (prepares ? graph : source.outside).input.shape,
      layout,
      preparation: prepares ? 'inside' : 'outside',
      ...(variant.batch !== undefined && { batch: variant.batch }),
    },
    output: { name: output, answers: output, taps: hasTaps ? Object.keys(graph.features) : [] },
    ...(variant.needsCalibration &&
      calibration && {
        calibration: { ...calibration, reduceRange: calibration.reduceRange && format === 'onnx' },
      }),
    layers: written.layers,
    checks,
    unchecked,
  };
}
