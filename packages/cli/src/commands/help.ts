import { architectures } from '../experiment/architectures.ts';
import { methods } from '../experiment/methods.ts';
import type { Command } from './command.ts';
import { flags } from './flags.ts';

/** Columns that a help page fits into. */
const width = 80;

const lists = {
  architectures: { title: 'Networks', names: Object.keys(architectures) },
  methods: { title: 'Methods', names: Object.keys(methods) },
} as const;

/** Renders the page that `kd --help` prints. */
export function renderOverview(commands: Readonly<Record<string, Command>>): string {
  const rows = Object.entries(commands).map(
    ([name, { operand, about }]) => [formatCommand(name, operand), about] as const,
  );
  return [
    'kd: knowledge distillation from the command line',
    '',
    ...renderRows(rows),
    '',
    ...wrap('kd <command> --help explains a command. KD_DEBUG=1 shows stack traces.', 0),
    '',
    ...exitCodes,
    '',
  ].join('\n');
}

/** Renders the page that `kd <command> --help` prints. */
export function renderHelp(name: string, command: Command): string {
  const rows = [...command.flags, 'help' as const].map((flag) => {
    const { takes, about } = command.flagTexts?.[flag] ?? flags[flag];
    const value = takes === '' || takes.startsWith('[') ? takes : `<${takes}>`;
    return [`--${flag} ${value}`.trim(), about] as const;
  });
  return [
    `kd ${formatCommand(name, command.operand)} [flags]`,
    '',
    ...wrap(command.about, 0),
    ...command.notes.flatMap((note) => ['', ...wrap(note, 0)]),
    '',
    'Flags',
    ...renderRows(rows),
    ...(command.lists ?? []).flatMap((list) => [
      '',
      lists[list].title,
      ...wrap(lists[list].names.join(', '), 2),
    ]),
    '',
    ...exitCodes,
    '',
  ].join('\n');
}

const exitCodes = wrap(
  'Exit codes: 0 done; 1 failed, or a claim is missed; 2 wrong usage; 130 interrupted, after saving what there is.',
  0,
);

function formatCommand(name: string, operand: string | undefined): string {
  return operand === undefined ? name : `${name} <${operand}>`;
}

/** Renders two columns with a gap of two spaces; the second is wrapped. */
function renderRows(rows: readonly (readonly [string, string])[]): string[] {
  const indent = 2 + Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.flatMap(([left, right]) =>
    wrap(right, indent).map((line, index) =>
      index === 0 ? `  ${left}`.padEnd(indent) + line.slice(indent) : line,
    ),
  );
}

/** Breaks a text into lines that are indented and fit the width. */
function wrap(text: string, indent: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > width) {
      lines.push(' '.repeat(indent) + line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, ' '.repeat(indent) + line];
}
