import { statSync } from 'node:fs';
import path from 'node:path';
import { formatInteger } from '@kd/core/internal';
import { type ImageInspection, inspectDatasets, inspectImages } from '@kd/data/node';
import { writeFileAtomic } from '@kd/files/node';
import {
  type DataInspectionRecord,
  describeData,
  describeDuplicates,
  describeSample,
  formatChannels,
  formatTable,
  renderDataPage,
} from '@kd/report';
import { openSource } from '../experiment/imageSource.ts';
import { usageError } from '../experiment/usageError.ts';
import type { SessionServices } from '../run/context.ts';
import { recordInspection } from '../run/recordInspection.ts';
import { type Command, invocation } from './command.ts';
import { type CommandLine, readFlag, readSize, readText, withoutUndefined } from './flags.ts';
import { isModule, loadDatasetModule } from './modules.ts';

/** `kd inspect`. */
export const inspect: Command = {
  operand: 'data',
  flags: ['size', 'skip-broken', 'image-column', 'label-column', 'images', 'out', 'json'],
  flagTexts: {
    size: { takes: 'pixels', about: 'side for training: counts the images that are smaller' },
    'skip-broken': {
      takes: '',
      about: 'takes images that cannot be decoded for a warning, as kd distill then does',
    },
    images: {
      takes: 'number',
      about: 'most images that are decoded, at equal distances; 100000 if left out',
    },
    out: { takes: 'file', about: 'the page; <name>-data.html in this directory if left out' },
    json: { takes: '', about: 'prints all numbers as JSON; a page is written only with --out' },
  },
  about: 'Shows what a set of images holds, before anything is trained on it.',
  notes: [
    '<data> is what --data of kd distill takes: a directory, a file, an address or a module. Prints classes with their counts, sizes, channels, mean and deviation, duplicates within train and between train and test, images that cannot be read, and what to mind; writes a page with ten pictures of each class.',
    'Exit code 1: it cannot be trained on as it is.',
  ],
  async run(line, services) {
    const source = line.operand;
    if (source === undefined)
      throw usageError(
        'kd inspect',
        'a directory, a file or an address of images',
        'nothing',
        `${invocation} inspect --help explains it`,
      );
    const inspection = await inspectSource(source, line, services);
    const record = await recordInspection(inspection);
    const out = readFlag(line, 'out', readText('a file'));
    const isJson = line.values.has('json');
    services.log(isJson ? formatJson(record) : formatInspection(record));
    if (!isJson || out !== undefined) {
      const file = pagePath(source, out);
      await writeFileAtomic(file, renderDataPage(record));
      if (!isJson) services.log(`\nPage: ${file}`);
    }
    return record.problems.length === 0 ? 0 : 1;
  },
};

async function inspectSource(
  source: string,
  line: CommandLine,
  services: SessionServices,
): Promise<ImageInspection> {
  const column = readText('the name of a column');
  const options = withoutUndefined({
    size: readSize(line),
    skipBroken: line.values.has('skip-broken') || undefined,
    limit: readFlag(line, 'images', readLimit),
  });
  const columns = withoutUndefined({
    imageColumn: readFlag(line, 'image-column', column),
    labelColumn: readFlag(line, 'label-column', column),
  });
  const { createProgress, signal } = services;
  // JSON is alone on the standard output.
  const log = line.values.has('json') ? () => {} : services.log;
  if (isModule(source)) {
    const { dataset } = await loadDatasetModule(source, 'kd inspect');
    const loaded = await dataset({ ...services, log });
    return inspectDatasets(loaded, { ...options, createProgress, signal });
  }
  const collection = await openSource({ source, ...columns }, { ...services, log });
  try {
    return await inspectImages(collection, { ...options, createProgress, signal });
  } finally {
    await collection.close();
  }
}

function readLimit(text: string, flag: string): number {
  const limit = /^\d+$/.test(text) ? Number(text) : 0;
  if (!(limit >= 1)) throw usageError(flag, 'a whole number of images ≥ 1', text || 'nothing');
  return limit;
}

/** Chooses the file of the page. */
function pagePath(source: string, out: string | undefined): string {
  const base = path.basename(source.replace(/[/\\]+$/, '')).replace(/\.[a-z0-9]{1,8}$/i, '');
  const name = `${base.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[.-]+/, '') || 'images'}-data.html`;
  if (out === undefined) return name;
  const isDirectory = statSync(out, { throwIfNoEntry: false })?.isDirectory() ?? /[/\\]$/.test(out);
  return isDirectory ? path.join(out, name) : out;
}

/** Everything but the pictures. */
function formatJson(record: DataInspectionRecord): string {
  return JSON.stringify(record, (name, value) => (name === 'png' ? undefined : value), 2);
}

/** Classes that are printed; the page has all. */
const printedClasses = 30;

/** Formats the inspection for a terminal. */
function formatInspection(record: DataInspectionRecord): string {
  const { splits, formats, conversions, broken, smaller } = record;
  const tally = (list: DataInspectionRecord['formats']) =>
    list.map(({ what, images }) => `${what} (${formatInteger(images)})`).join('; ');
  const facts = [
    `Stored as: ${tally(formats) || 'nothing that can be read'}`,
    ...(conversions.length === 0 ? [] : [`Decoding: ${tally(conversions)}`]),
    ...(smaller === undefined
      ? []
      : [`Smaller than ${smaller.size} pixels: ${formatInteger(smaller.images)}`]),
    `Duplicates: ${describeDuplicates(record).join('; ') || 'none'}`,
    ...(broken.images === 0 ? [] : [`Cannot be read: ${formatInteger(broken.images)}`]),
    ...broken.list.slice(0, 5).map(({ name, reason }) => `  ${name}: ${reason}`),
  ];
  const sample = describeSample(splits);
  const lines = [...record.problems.map((line) => `✗ ${line}`), ...record.warnings.map(warn)];
  return [
    describeData(record),
    '',
    classTable(record),
    '',
    splitTable(record),
    '',
    ...facts,
    ...(sample === undefined ? [] : [sample]),
    ...(lines.length === 0 ? [] : ['', ...lines]),
  ].join('\n');
}

function warn(line: string): string {
  return `! ${line}`;
}

function classTable({ classNames, splits }: DataInspectionRecord): string {
  const rows = classNames
    .slice(0, printedClasses)
    .map((name, label) => [
      name,
      ...splits.map(({ classCounts }) => formatInteger(classCounts[label] ?? 0)),
    ]);
  const rest = classNames.length - rows.length;
  const table = formatTable([['class', ...splits.map(({ split }) => split)], ...rows], 1);
  return rest > 0 ? `${table}\n${formatInteger(rest)} more classes` : table;
}

function splitTable({ splits }: DataInspectionRecord): string {
  const rows = splits.map(({ split, images, unlabelled, decoded, mean, std }) => [
    split,
    formatInteger(images),
    formatInteger(unlabelled),
    formatInteger(decoded),
    formatChannels(mean),
    formatChannels(std),
  ]);
  const titles = ['split', 'images', 'without label', 'decoded', 'mean', 'deviation'];
  return formatTable([titles, ...rows], 1);
}
