import { formatBytes, formatInteger, formatPercent } from '@kd/core/internal';
import type {
  ChangedAnswer,
  ChangedPicture,
  ExportCheck,
  ExportedFile,
  ExportRecord,
} from '../exportRecord.ts';
import { formatCount } from '../format.ts';
import { definitionTable, element, escapeHtml, section } from '../html.ts';
import { notices } from './dataParts.ts';
import { renderDocument } from './document.ts';
import { exportSnippets } from './exportSnippets.ts';
import { foldedTable } from './foldedTable.ts';

/**
 * Renders the page of exported files: how each answered where it was run, what is in 8 bits, the
 * pictures whose class changed, and how to run them.
 * @returns HTML: one page that loads nothing else.
 */
export function renderExportPage(record: ExportRecord): string {
  const { network, files } = record;
  return renderDocument(`${network.title} · exported`, [
    element(
      'header',
      {},
      element('p', { class: 'where' }, escapeHtml(`Export · ${network.source}`)),
      element('h1', {}, escapeHtml(describeExport(record))),
    ),
    notices({
      problems: record.refused.map(({ name, reason }) => `${name} was not written: ${reason}`),
      warnings: missingRuntimes(files),
    }),
    filesSection(files),
    checksSection(record),
    ...(files.some(hasBytes) ? [layersSection(files)] : []),
    changedSection(record),
    snippetsSection(record),
    factsSection(record),
    element('footer', {}, 'The file export.json beside this page has all of these numbers.'),
  ]);
}

/** Describes exported files in a sentence. */
export function describeExport({ network, files }: ExportRecord): string {
  const sizes = files.map(({ bytes }) => bytes);
  const count = files.length === 1 ? '1 file' : `${files.length} files`;
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)].map((bytes) => formatBytes(bytes));
  const range =
    files.length === 0 ? '' : least === most ? ` of ${least}` : ` of ${least} to ${most}`;
  const checked = files.filter(({ checks }) => checks.length > 0).length;
  const images = Math.max(0, ...files.flatMap(({ checks }) => checks.map((each) => each.images)));
  const verdict =
    checked === 0
      ? 'none of them checked on a runtime here'
      : `${checked === files.length ? 'checked' : `${checked} checked`} on up to ${formatInteger(images)} test images`;
  return `${network.architecture} (${network.title}) as ${count}${range}, ${verdict}.`;
}

function hasBytes({ weights, activations }: ExportedFile): boolean {
  return weights === 'int8' || activations === 'int8';
}

/** A line for each runtime that some files were not checked on. */
function missingRuntimes(files: readonly ExportedFile[]): string[] {
  const reasons = new Map<string, string[]>();
  for (const { name, unchecked } of files)
    for (const { runtime, reason } of unchecked) {
      const line = `${runtime}: ${reason}`;
      reasons.set(line, [...(reasons.get(line) ?? []), name]);
    }
  return Array.from(reasons, ([line, names]) => `Not checked on ${line} (${names.join(', ')})`);
}

/** Titles of what files compute with. */
function describeNumbers({ weights, activations }: ExportedFile): string {
  if (activations === 'int8') return 'int8, activations too';
  return weights === 'int8' ? 'int8 weights' : weights;
}

function filesSection(files: readonly ExportedFile[]): string {
  const rows = files.map((file) => [
    escapeHtml(file.name),
    describeNumbers(file),
    formatBytes(file.bytes, 2),
    formatBytes(file.weightBytes, 2),
    escapeHtml(
      `${file.input.layout.toUpperCase()}, ${file.input.batch === undefined ? 'any batch' : `batch ${file.input.batch}`}`,
    ),
    file.input.preparation === 'inside' ? 'in the file' : 'before it',
    escapeHtml([file.output.answers, ...file.output.taps].join(', ')),
  ]);
  const titles = ['File', 'Numbers', 'Size', 'Weights alone', 'Input', 'Preparation', 'Output'];
  return section(
    'Files',
    'Inputs are float32 images, 0 to 1, outputs float32. Preparation is what the network does to its images itself.',
    foldedTable('splits exported', titles, rows),
  );
}

function checksSection({ files, engine, machine, testImages }: ExportRecord): string {
  const rows = files.flatMap(({ name, checks, unchecked }) => [
    ...checks.map((each) => checkRow(name, each)),
    ...unchecked.map(({ runtime }) => [
      escapeHtml(name),
      escapeHtml(runtime),
      'not checked',
      ...new Array<string>(6).fill(''),
    ]),
  ]);
  const titles = [
    'File',
    'Runtime',
    'Images',
    'Largest change',
    'Same class',
    'Accuracy',
    'Load',
    '1 image',
    '32 images',
  ];
  const batches = files.flatMap(({ checks }) => checks)[0]?.batches ?? [];
  return section(
    'Where they were run',
    `Against the network itself on the engine ${engine}, on ${testImages.name}; in batches of ${batches.join(', ')}. ` +
      'The largest change is that of any answer. Times are medians of rounds in which all files take turns, ' +
      `each on one thread where it has threads: ${machine}.`,
    foldedTable('splits exported', titles, rows),
  );
}

function checkRow(name: string, check: ExportCheck): string[] {
  const { runtime, version, settings, latencyMilliseconds } = check;
  const points = 100 * (check.accuracy - check.networkAccuracy);
  const change = Math.abs(points) < 0.005 ? 'as the network' : `${signed(points)} points`;
  return [
    escapeHtml(name),
    `${escapeHtml(`${runtime} ${version}`)}${small(settings)}`,
    formatInteger(check.images),
    `${formatSmall(check.largestChange)}${small(`of ${check.scale.toPrecision(3)}`)}`,
    formatPercent(check.sameClass, 2),
    `${formatPercent(check.accuracy, 2)}${small(change)}`,
    formatMilliseconds(check.loadMilliseconds),
    formatMilliseconds(latencyMilliseconds.batch1),
    formatMilliseconds(latencyMilliseconds.batch32),
  ];
}

function small(text: string): string {
  return element('small', {}, escapeHtml(text));
}

function signed(points: number): string {
  return `${points < 0 ? '−' : '+'}${Math.abs(points).toFixed(2)}`;
}

function formatSmall(value: number): string {
  if (value === 0) return '0';
  return value < 1e-2 ? value.toExponential(1) : value.toPrecision(2);
}

/** Formats a time: `0.095 ms`, `12 ms`. */
export function formatMilliseconds(value: number): string {
  const digits = value < 1 ? 3 : value < 10 ? 2 : value < 100 ? 1 : 0;
  return `${value.toFixed(digits)} ms`;
}

function layersSection(files: readonly ExportedFile[]): string {
  const parts = files.filter(hasBytes).map((file) => {
    const { name, layers } = file;
    const bytes = layers.filter(({ weights }) => weights === 'int8');
    const rows = layers.map((layer) => [
      escapeHtml(layer.name),
      escapeHtml(layer.kind),
      layer.weights,
      layer.activations,
    ]);
    const summary = `${name}: ${bytes.length} of ${layers.length} layers with weights`;
    return element(
      'details',
      {},
      element('summary', {}, escapeHtml(summary)),
      foldedTable('splits', ['Layer', 'Kind', 'Weights', 'Activations'], rows),
    );
  });
  return section(
    'In 8 bits',
    'Layers whose weights are int8, and whether they compute with int8 activations too. Others stay as they were.',
    ...parts,
  );
}

function changedSection({ changed, network, files }: ExportRecord): string {
  const nameOf = (label: number) => network.classNames[label] ?? String(label);
  const moved = files.flatMap(({ checks }) => checks.map((each) => each.sameClass));
  if (changed.length === 0)
    return section(
      'Pictures whose class changed',
      moved.some((share) => share < 1)
        ? 'None are kept.'
        : 'None: every file names the class that the network names.',
    );
  return section(
    'Pictures whose class changed',
    'Up to 24, those first of which the network is most certain: its answer, and the files that answer something else.',
    element('div', { class: 'cards' }, ...changed.map((picture) => card(picture, nameOf))),
  );
}

function card(
  { png, label, image, height, width, network, files }: ChangedPicture,
  nameOf: (label: number) => string,
): string {
  const line = (who: string, { label: named, probability }: ChangedAnswer, role: string) =>
    element(
      'span',
      { class: role },
      element('i'),
      escapeHtml(`${who} `),
      element(
        'b',
        { class: named === label ? 'right' : 'wrong' },
        escapeHtml(`${nameOf(named)} ${formatPercent(probability, 0)}`),
      ),
    );
  const isSmall = Math.max(height, width) <= 48;
  return element(
    'div',
    { class: 'card answers' },
    element('img', { alt: nameOf(label), src: png, ...(!isSmall && { class: 'smooth' }) }),
    element(
      'div',
      {},
      element('strong', {}, escapeHtml(nameOf(label))),
      element('small', {}, ` image ${formatInteger(image)}`),
      line('network', network, 'baseline'),
      ...Object.entries(files).map(([name, answer]) => line(name, answer, 'distilled')),
    ),
  );
}

function snippetsSection({ files, network }: ExportRecord): string {
  const parts = exportSnippets(files, network).map(
    ({ title, remark, code }) =>
      element('h3', {}, escapeHtml(title)) +
      element('p', { class: 'remark' }, escapeHtml(remark)) +
      element('pre', {}, escapeHtml(code)),
  );
  const { imagePreparation } = network;
  const before =
    imagePreparation === undefined
      ? 'Pictures are decoded before, to float32 from 0 to 1.'
      : `Pictures are decoded and made the size of the input before, as for the training: ${imagePreparation}.`;
  return section('How to run them', before, ...parts);
}

function factsSection({ network, files, testImages, command }: ExportRecord): string {
  const calibration = files.find((file) => file.calibration !== undefined)?.calibration;
  const facts: (readonly [string, string])[] = [
    ['Network', `${network.architecture}, ${network.title}`],
    ['Parameters', `${formatInteger(network.parameters)} (${formatCount(network.parameters)})`],
    ['Classes', network.classNames.join(', ')],
    ['Images', `${network.imageShape.join(' × ')}, 0 to 1`],
    ['Its own preparation', network.preparation],
    ['Test images', `${testImages.name}, ${testImages.fingerprint.slice(0, 12)}`],
    ['Weights', `sha256 ${network.fingerprint.slice(0, 12)}`],
    ...(calibration === undefined
      ? []
      : [
          [
            'Calibration',
            `${calibration.method} on ${formatInteger(calibration.images)} images of ${calibration.source}${calibration.reduceRange ? ', weights of 7 bits' : ''}`,
          ] as const,
        ]),
  ];
  return section('What was exported', command, definitionTable(facts));
}
