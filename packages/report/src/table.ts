import { bytes, count, duration, grouped, percentSpread } from './format.ts';
import type { Actor } from './runRecord.ts';
import type { ActorSummary, Summary } from './summary.ts';

/** What people read for an actor. */
export const actorTitles: Readonly<Record<Actor, string>> = {
  teacher: 'teacher',
  alone: 'student alone',
  distilled: 'student distilled',
};

/** The columns of the result, for the terminal and for the page. */
export const columns: readonly {
  readonly title: string;
  readonly cell: (actor: ActorSummary) => string;
}[] = [
  { title: 'test accuracy', cell: ({ accuracy }) => percentSpread(accuracy) },
  { title: 'parameters', cell: ({ parameters }) => grouped(parameters) },
  { title: 'size', cell: (actor) => bytes(actor.bytes) },
  { title: 'FLOPs / image', cell: ({ flops }) => count(flops) },
  { title: 'images / s', cell: ({ imagesPerSecond }) => grouped(imagesPerSecond) },
  { title: 'training', cell: ({ trainingSeconds }) => duration(trainingSeconds) },
];

/** The result as lines of text. */
export function table({ actors }: Summary): string {
  const rows = [
    ['', 'network', ...columns.map(({ title }) => title)],
    ...actors.map((actor) => [
      actorTitles[actor.actor],
      actor.architecture,
      ...columns.map(({ cell }) => cell(actor)),
    ]),
  ];
  const widths = (rows[0] as string[]).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] as string).length)),
  );
  const line = (row: readonly string[]) =>
    row.map((text, column) =>
      column < 2 ? text.padEnd(widths[column] as number) : text.padStart(widths[column] as number),
    );
  const [head, ...body] = rows.map((row) => line(row).join('   ').trimEnd());
  return [
    head,
    '─'.repeat(Math.max(...[head, ...body].map((text) => (text as string).length))),
    ...body,
  ].join('\n');
}
