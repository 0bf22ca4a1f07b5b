import { formatInteger } from '@kd/core/internal';
import { sizesChart } from '../charts/sizes.ts';
import type { DataInspectionRecord, SplitName, TallyRecord } from '../dataInspection.ts';
import {
  countImages,
  describeDuplicates,
  describeSample,
  describeSizes,
  formatChannels,
  formatSize,
} from '../describeData.ts';
import { definitionTable, element, escapeHtml } from '../html.ts';
import { foldedTable } from './foldedTable.ts';
import { picture, picturePairs, pictureStrips } from './pictures.ts';

/** A part of what is shown about data. */
export interface DataPart {
  readonly title: string;
  readonly remark: string;
  /** Markup. */
  readonly body: string;
}

/** Headings of splits. */
const splitTitles: Readonly<Record<SplitName, string>> = {
  train: 'Train',
  validation: 'Validation',
  test: 'Test',
};

/** Renders what there is to show about a set of images, part by part. */
export function dataParts(record: DataInspectionRecord): DataPart[] {
  const { pictures, duplicates, uniform, broken } = record;
  return [
    classesPart(record),
    ...(pictures.length > 0 ? [picturesPart(record)] : []),
    pixelsPart(record),
    ...(record.sizes.different > 1 ? [sizesPart(record)] : []),
    ...(duplicates.pairs.length > 0 ? [duplicatesPart(record)] : []),
    ...(uniform.images > 0 ? [uniformPart(record)] : []),
    ...(broken.images > 0 ? [brokenPart(record)] : []),
  ];
}

/** Lines that are shown at once; others unfold. */
const shownLines = 6;

/** Renders problems and warnings; nothing where there are none. */
export function notices({
  problems,
  warnings,
}: Pick<DataInspectionRecord, 'problems' | 'warnings'>): string {
  const list = (className: string, lines: readonly string[]) => {
    const items = (part: readonly string[]) =>
      element('ul', {}, ...part.map((line) => element('li', {}, escapeHtml(line))));
    if (lines.length === 0) return '';
    const rest = lines.length > shownLines + 2 ? lines.slice(shownLines) : [];
    const more =
      rest.length === 0
        ? ''
        : element('details', {}, element('summary', {}, `${rest.length} more`), items(rest));
    const first = lines.slice(0, lines.length - rest.length);
    return element('div', { class: className }, items(first), more);
  };
  return list('notice problem', problems) + list('notice', warnings);
}

function classesPart({ splits, classNames }: DataInspectionRecord): DataPart {
  const most = splits.map(({ classCounts }) => Math.max(1, ...classCounts));
  const rows = classNames.map((name, label) => [
    escapeHtml(name),
    ...splits.map(({ classCounts }, at) => {
      const count = classCounts[label] ?? 0;
      const width = `width:${((100 * count) / (most[at] as number)).toFixed(1)}%`;
      const bar = element('span', {}, count === 0 ? '' : element('u', { style: width }));
      const className = count === 0 ? { class: 'wrong' } : {};
      return element('div', {}, bar, element('b', className, formatInteger(count)));
    }),
  ]);
  const titles = ['Class', ...splits.map(({ split }) => splitTitles[split])];
  return {
    title: 'Classes',
    remark: 'Images of each class in each split.',
    body: foldedTable('classes', titles, rows),
  };
}

function picturesPart(record: DataInspectionRecord): DataPart {
  return {
    title: 'Pictures',
    remark: 'Up to ten training images of each class, drawn at random, with the number of all.',
    body: pictureStrips(record),
  };
}

function pixelsPart(record: DataInspectionRecord): DataPart {
  const { splits, formats, conversions, preparation, sizes, smaller, source } = record;
  const rows = splits.map(({ split, images, unlabelled, decoded, mean, std }) => [
    splitTitles[split],
    formatInteger(images),
    formatInteger(unlabelled),
    formatInteger(decoded),
    swatch(mean) + (mean.length === 0 ? 'none' : formatChannels(mean)),
    std.length === 0 ? 'none' : formatChannels(std),
  ]);
  const titles = ['Split', 'Images', 'Without label', 'Decoded', 'Mean', 'Standard deviation'];
  const tallies = (list: readonly TallyRecord[]) =>
    list.map(({ what, images }) => `${what}: ${formatInteger(images)}`).join('; ');
  const facts: (readonly [string, string])[] = [
    ['Source', source],
    ['Sizes', describeSizes(sizes)],
    ['Stored as', tallies(formats)],
    ...(conversions.length === 0 ? [] : [['Decoding', tallies(conversions)] as const]),
    ...(preparation === undefined ? [] : [['Preparation', preparation] as const]),
    ...(smaller === undefined
      ? []
      : [[`Below ${smaller.size} pixels`, countImages(smaller.images)] as const]),
    ['Duplicates', describeDuplicates(record).join('; ') || 'none'],
  ];
  const sample = describeSample(splits);
  return {
    title: 'Pixels and files',
    remark:
      'Mean and standard deviation of the channels (red, green, blue; one where all is gray), ' +
      `0 to 1; every image has the same weight. Duplicates have the same pixels.${
        sample === undefined ? '' : ` ${sample}`
      }`,
    body: foldedTable('splits', titles, rows) + definitionTable(facts),
  };
}

/** Renders a patch of the mean color. */
function swatch(mean: readonly number[]): string {
  const [red, green, blue] = mean.length === 3 ? mean : [mean[0], mean[0], mean[0]];
  if (red === undefined || green === undefined || blue === undefined) return '';
  const levels = [red, green, blue].map((value) => Math.round(255 * value));
  return element('i', { class: 'swatch', style: `background:rgb(${levels.join(' ')})` });
}

function sizesPart({ sizes }: DataInspectionRecord): DataPart {
  const { smallest, median, largest, different, list } = sizes;
  const commonest = list
    .filter(({ images }) => images > 1)
    .slice(0, 5)
    .map((size) => `${formatSize(size)}: ${countImages(size.images)}`);
  const facts: (readonly [string, string])[] = [
    ['Smallest', formatSize(smallest)],
    ['Median', formatSize(median)],
    ['Largest', formatSize(largest)],
    ['Different sizes', formatInteger(different)],
    ...(commonest.length === 0 ? [] : [['Most frequent', commonest.join('; ')] as const]),
  ];
  const { title, svg } = sizesChart(sizes);
  const chart = element('figure', {}, element('figcaption', {}, title), svg);
  return {
    title: 'Sizes',
    remark:
      'Width × height in pixels, turned as EXIF demands. Ordered by the number of pixels; the ' +
      'larger a point, the more images have its size.',
    body: element('div', { class: 'two' }, chart, definitionTable(facts)),
  };
}

function duplicatesPart(record: DataInspectionRecord): DataPart {
  return {
    title: 'Duplicates',
    remark: `Images with the same pixels: ${describeDuplicates(record).join('; ')}. Some of them:`,
    body: picturePairs(record),
  };
}

function uniformPart(record: DataInspectionRecord): DataPart {
  const { images, list } = record.uniform;
  const pictures = list.map((image) => picture(record, image));
  return {
    title: 'Images of one color',
    remark: `${countImages(images)} whose pixels are all alike${list.length < images ? '. Some of them' : ''}:`,
    body: element('div', { class: 'strip' }, element('div', {}, ...pictures)),
  };
}

function brokenPart({ broken: { images, list } }: DataInspectionRecord): DataPart {
  const rows = list.map(({ split, name, reason }) => [name, split, reason].map(escapeHtml));
  return {
    title: 'Images that cannot be read',
    remark: `${countImages(images)}${list.length < images ? `; the first ${list.length}:` : ':'}`,
    body: foldedTable('broken', ['Image', 'Split', 'Reason'], rows),
  };
}
