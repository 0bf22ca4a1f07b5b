import type { Row, Section } from './section.ts';

interface Column {
  readonly title: string;
  /** undefined: nothing to say. */
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
  { title: 'pictures', cell: ({ pictures }) => pictures?.toLocaleString('en-US') },
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
  { title: 'first step, ms', cell: ({ firstMs }) => firstMs?.toFixed(0) },
  { title: 'ours is so many times as fast', cell: ({ ratio, spread }) => ratioCell(ratio, spread) },
];

/** Title and rows: the first row the titles; columns in which nothing stands are left out. */
export function cellsOf({ rows }: Section): string[][] {
  const used = columns.filter(({ cell }) => rows.some((row) => cell(row) !== undefined));
  return [
    used.map(({ title }) => title),
    ...rows.map((row) => used.map(({ cell }) => cell(row) ?? '')),
  ];
}

/** For a terminal: columns under each other, numbers to the right. */
export function plainTable(section: Section): string {
  const cells = cellsOf(section);
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

/** For the README. */
export function markdownTable(section: Section): string {
  const [titles = [], ...rows] = cellsOf(section);
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
  const [least, most] = spread ?? [ratio, ratio];
  return `${ratio.toFixed(2)} (${least.toFixed(2)}–${most.toFixed(2)})`;
}
