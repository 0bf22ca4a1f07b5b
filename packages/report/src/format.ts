import { formatBytes, formatElapsed, formatInteger, formatPercent } from '@kd/core/internal';
import type { DistillationRecord, Role } from './runRecord.ts';
import type { NetworkSummary, Spread, Summary } from './summary.ts';

/** Formats a mean with its standard deviation, `73.04 ± 0.20 %`; with one seed `73.04 %`. */
export function formatSpread({ mean, std }: Spread, decimals = 2): string {
  return std === undefined
    ? formatPercent(mean, decimals)
    : `${(100 * mean).toFixed(decimals)} ± ${formatPercent(std, decimals)}`;
}

/** Formats a large number in powers of a thousand: `999`, `24.2 k`, `0.41 M`, `1.20 G`. */
export function formatCount(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)} G`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  if (value >= 1e3) return `${(value / 1e3).toFixed(1)} k`;
  return `${Math.round(value)}`;
}

/** Formats a method with its temperature, if it has one: `softTargets, temperature 4`. */
export function formatMethod({
  method,
  temperature,
}: Pick<DistillationRecord, 'method' | 'temperature'>): string {
  return temperature === undefined ? method : `${method}, temperature ${temperature}`;
}

/** The names of the compared networks in running text and in tables. */
export const roleTitles: Readonly<Record<Role, string>> = {
  teacher: 'teacher',
  baseline: 'student alone',
  distilled: 'student distilled',
};

/** The columns of the table of results, behind the network's role and architecture. */
export const resultColumns: readonly {
  readonly title: string;
  readonly format: (network: NetworkSummary) => string;
}[] = [
  { title: 'test accuracy', format: ({ accuracy }) => formatSpread(accuracy) },
  { title: 'parameters', format: ({ parameters }) => formatInteger(parameters) },
  { title: 'size', format: ({ bytes }) => formatBytes(bytes, 2) },
  { title: 'FLOPs / image', format: ({ flops }) => formatCount(flops) },
  { title: 'images / s', format: ({ imagesPerSecond }) => formatInteger(imagesPerSecond) },
  { title: 'training', format: ({ trainingSeconds }) => formatElapsed(trainingSeconds) },
];

/** Formats the results as a table in plain text. */
export function resultTable({ networks }: Summary): string {
  const rows = networks.map((network) => [
    roleTitles[network.role],
    network.architecture,
    ...resultColumns.map(({ format }) => format(network)),
  ]);
  return formatTable([['', 'network', ...resultColumns.map(({ title }) => title)], ...rows], 2);
}

/**
 * Formats a table in plain text, with a rule under its first row.
 * @param leftColumns - Number of columns, from the left, that are aligned at the left; others are
 * aligned at the right, as numbers are.
 */
export function formatTable(rows: readonly (readonly string[])[], leftColumns: number): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const lines = rows.map((row) =>
    row
      .map((text, column) => {
        const width = widths[column] ?? 0;
        return column < leftColumns ? text.padEnd(width) : text.padStart(width);
      })
      .join('   ')
      .trimEnd(),
  );
  const rule = '─'.repeat(Math.max(...lines.map((line) => line.length)));
  return [lines[0], rule, ...lines.slice(1)].join('\n');
}
