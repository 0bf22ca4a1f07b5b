import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';
import { expectedError } from '@kd/core';
import type { Row, Section } from './section.ts';

interface Column {
  readonly title: string;
  /** undefined: the cell stays empty. */
  readonly cell: (row: Row) => string | undefined;
}

const columns: readonly Column[] = [
  { title: 'variant', cell: ({ variant }) => variant },
  { title: 'ms', cell: ({ ms }) => ms?.toFixed(ms < 10 ? 2 : 1) },
  {
    title: 'images/s',
    cell: ({ imagesPerSecond }) =>
      imagesPerSecond === null ? undefined : imagesPerSecond.toFixed(imagesPerSecond < 100 ? 1 : 0),
  },
  { title: 'seconds', cell: ({ jobSeconds }) => jobSeconds?.toFixed(1) },
  {
    title: 'processor seconds for 10,000 images',
    cell: ({ cpuPer10000 }) => cpuPer10000?.toFixed(2),
  },
  { title: 'busy cores', cell: ({ busyCores }) => busyCores?.toFixed(2) },
  { title: 'images', cell: ({ images }) => images?.toLocaleString('en-US') },
  { title: 'hours', cell: ({ hours }) => hours?.toFixed(hours < 1 ? 3 : 1) },
  { title: 'PFLOP', cell: ({ petaflops }) => petaflops?.toPrecision(3) },
  { title: 'minutes', cell: ({ minutes }) => minutes?.toFixed(1) },
  { title: 'teacher, %', cell: ({ teacher }) => percent(teacher) },
  { title: 'student, %', cell: ({ student }) => percent(student) },
  { title: 'time over plain KD', cell: ({ overPlain }) => overPlain?.toFixed(2) },
  { title: 'GFLOP/s', cell: ({ gigaflops }) => gigaflops?.toFixed(0) },
  {
    title: 'of the ceiling',
    cell: ({ ceilingShare }) =>
      ceilingShare === undefined ? undefined : `${(100 * ceilingShare).toFixed(0)} %`,
  },
  { title: 'peak memory, MiB', cell: ({ peakMiB }) => peakMiB?.toFixed(0) },
  { title: 'resident, MiB', cell: ({ residentMiB }) => residentMiB?.toFixed(0) },
  {
    title: 'kB to load',
    cell: ({ loadedBytes }) =>
      loadedBytes === undefined ? undefined : (loadedBytes / 1000).toFixed(0),
  },
  { title: 'processor ms a request', cell: ({ cpuMs }) => cpuMs?.toFixed(2) },
  { title: 'first step, ms', cell: ({ firstMs }) => firstMs?.toFixed(0) },
  { title: 'ours is so many times as fast', cell: ({ ratio, spread }) => ratioCell(ratio, spread) },
];

/** Cells of the table, the first row with the titles; empty columns are left out. */
function tableCells({ rows }: Section): string[][] {
  const used = columns.filter(({ cell }) => rows.some((row) => cell(row) !== undefined));
  return [
    used.map(({ title }) => title),
    ...rows.map((row) => used.map(({ cell }) => cell(row) ?? '')),
  ];
}

/** Table for a terminal: aligned columns, numbers to the right. */
export function plainTable(section: Section): string {
  const cells = tableCells(section);
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0)),
  );
  const align = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return [
    section.title,
    ...(section.rows.length > 0 ? cells.map((row) => row.map(align).join('  ')) : []),
    ...section.remarks,
  ].join('\n');
}

/** Table for the README. */
export function markdownTable(section: Section): string {
  const [titles = [], ...rows] = tableCells(section);
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const table =
    section.rows.length > 0
      ? [
          line(titles),
          line(titles.map((_, column) => (column === 0 ? '---' : '---:'))),
          ...rows.map(line),
          '',
        ]
      : [];
  return [
    `**${section.title}**`,
    '',
    ...table,
    ...section.remarks.map((remark) => `- ${remark}`),
  ].join('\n');
}

function percent(share: number | undefined): string | undefined {
  return share === undefined ? undefined : (100 * share).toFixed(1);
}

function ratioCell(ratio: number | null, spread: Row['spread']): string | undefined {
  if (ratio === null) return undefined;
  const [min, max] = spread ?? [ratio, ratio];
  return `${ratio.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`;
}

const readme = new URL('../README.md', import.meta.url);

/**
 * Writes each part's text between its markers in the README of this directory; the other parts
 * stay. @param texts Texts by name of the part.
 */
export async function writeReadme(texts: Readonly<Record<string, string>>): Promise<void> {
  const whole = Object.entries(texts).reduce(
    (text, [name, part]) => replaceBetween(text, `bench:${name}`, part),
    await readFile(readme, 'utf8'),
  );
  await writeFile(readme, whole);
}

/**
 * Replaces the text between `<!-- name -->` and `<!-- /name -->`. @throws RangeError if the markers
 * are missing.
 */
export function replaceBetween(text: string, name: string, part: string): string {
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from < 0 || to < from)
    throw expectedError(
      'bench',
      `${start} … ${end} in README.md`,
      'neither',
      'put them where the table belongs',
    );
  return `${text.slice(0, from + start.length)}\n${part}\n${text.slice(to)}`;
}

/**
 * Date, machine and software of a run, in one line. @param versions Versions of the software that
 * computed. @param load Load of the machine before the run.
 */
export function describeRun(versions: Readonly<Record<string, string>>, load: number): string {
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const processor = cpus()[0]?.model.trim() ?? 'unknown processor';
  const machine = `${processor}, ${availableParallelism()} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, ${type()} ${release()}${describeHugePages()}`;
  return `${new Date().toISOString().slice(0, 10)}; ${machine}; ${names.join(', ')}; load ${load.toFixed(1)} before the run`;
}

/** Average number of running processes over the last minute: near 0 on a quiet machine. */
export function readLoad(): number {
  return loadavg()[0] ?? 0;
}

/** Mode of Linux's transparent huge pages; empty on other systems. */
function describeHugePages(): string {
  if (process.platform !== 'linux') return '';
  const mode = /\[(\w+)\]/.exec(
    readFileSync('/sys/kernel/mm/transparent_hugepage/enabled', 'utf8'),
  )?.[1];
  return mode === undefined ? '' : `, huge pages ${mode}`;
}
