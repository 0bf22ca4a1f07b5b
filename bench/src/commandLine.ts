import { parseArgs } from 'node:util';
import { ensure } from '@kd/core';

/** Options of the command. */
export interface CommandLine {
  /** Names of the parts to run; undefined: all. */
  readonly only: readonly string[] | undefined;
  /** File that receives the rows. */
  readonly json: string | undefined;
  /** Whether the README's tables are replaced. */
  readonly readme: boolean;
  readonly rounds: number;
  readonly seconds: number;
  readonly variants: string | undefined;
}

/**
 * Parses the arguments of the command. @param parts Names that `--only` accepts. @throws RangeError
 * on another name and on numbers out of range.
 */
export function readCommandLine(args: readonly string[], parts: readonly string[]): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', multiple: true },
      json: { type: 'string' },
      readme: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '7' },
      seconds: { type: 'string', default: '1.5' },
      variants: { type: 'string' },
    },
  });
  const only = values.only?.flatMap((names) => names.split(','));
  const unknown = only?.find((name) => !parts.includes(name));
  ensure(unknown === undefined, 'bench', `--only among ${parts.join(', ')}`, unknown);
  const rounds = Number(values.rounds);
  ensure(
    Number.isInteger(rounds) && rounds >= 1,
    'bench',
    '--rounds as a whole number ≥ 1',
    values.rounds,
  );
  const seconds = Number(values.seconds);
  ensure(seconds > 0 && Number.isFinite(seconds), 'bench', '--seconds > 0', values.seconds);
  return {
    only,
    json: values.json,
    readme: values.readme,
    rounds,
    seconds,
    variants: values.variants,
  };
}
