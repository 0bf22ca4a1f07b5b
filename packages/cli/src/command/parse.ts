import { parseArgs } from 'node:util';
import type { EngineName } from '@kd/engine';
import { architectures } from '../architectures.ts';
import type { Changes } from '../config.ts';
import { methods } from '../methods/index.ts';
import { type PresetName, presets } from '../presets.ts';
import { type OptionName, options } from './options.ts';
import { UsageError, usage } from './usageError.ts';
import { atLeast, named, seedList } from './values.ts';

/** What a command line asks for. */
export interface Request {
  readonly help: boolean;
  readonly preset?: PresetName;
  readonly changes: Changes;
  readonly engine?: EngineName;
  /** A folder, or '' for the latest interrupted run. */
  readonly resume?: string;
  readonly out?: string;
}

const engines = { tensorflow: 0, webgpu: 0, wasm: 0, cpu: 0 } as const satisfies Record<
  EngineName,
  0
>;

/**
 * Reads the command line.
 * @throws UsageError naming the flag, what it takes and what came.
 */
export function parseCommand(args: readonly string[]): Request {
  const given = readFlags(args);
  const value = <Value>(
    name: OptionName,
    read: (text: string, flag: string) => Value,
  ): Value | undefined => {
    const text = given.get(name);
    return text === undefined ? undefined : read(text, `--${name}`);
  };
  const one =
    <Name extends string>(choices: Readonly<Record<Name, unknown>>) =>
    (text: string, flag: string) =>
      named(choices, text, flag);
  return defined({
    help: given.has('help'),
    preset: value('preset', one(presets)),
    engine: value('engine', one(engines)),
    resume: given.get('resume'),
    out: value('out', (text, flag) => {
      if (text === '') throw usage(flag, 'a folder', 'nothing');
      return text;
    }),
    changes: defined({
      teacher: value('teacher', one(architectures)),
      student: value('student', one(architectures)),
      teacherWeights: value('teacher-weights', (text, flag) => {
        if (text === '') throw usage(flag, 'a file or an address', 'nothing');
        return text;
      }),
      asPrinted: given.has('as-printed') || undefined,
      pictures: value('pictures', (text, flag) =>
        atLeast(text, flag, 100, 'a whole number of pictures ≥ 100', { whole: true }),
      ),
      method: value('method', one(methods)),
      temperature: value('temperature', (text, flag) =>
        atLeast(text, flag, Number.MIN_VALUE, 'a temperature > 0'),
      ),
      assistant: value('assistant', one(architectures)),
      generations: value('generations', (text, flag) =>
        atLeast(text, flag, 1, 'a whole number of generations ≥ 1', { whole: true }),
      ),
      epochs: value('epochs', (text, flag) =>
        atLeast(text, flag, 1, 'a whole number of epochs ≥ 1', { whole: true }),
      ),
      seeds: value('seeds', seedList),
    }),
  });
}

/** Name → text. Every flag takes a value, but for `help` and for `resume`, which may do without. */
function readFlags(args: readonly string[]): Map<OptionName, string> {
  const types = Object.fromEntries(
    Object.entries(options).map(([name, { takes }]) => [
      name,
      { type: takes === '' ? 'boolean' : 'string' } as const,
    ]),
  );
  const { tokens } = parseArgs({
    args: bareResume(args),
    options: types,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const given = new Map<OptionName, string>();
  for (const token of tokens) {
    if (token.kind === 'positional')
      throw new UsageError(
        `distill: expected flags only, got '${token.value}'; --help lists them.`,
      );
    if (token.kind !== 'option') continue;
    if (!isOption(token.name)) throw unknownFlag(token.rawName);
    const wanted = options[token.name].takes;
    if (wanted === '' && token.value !== undefined)
      throw usage(`--${token.name}`, 'no value', token.value);
    if (wanted !== '' && token.value === undefined)
      throw usage(`--${token.name}`, `a ${wanted}`, 'nothing');
    if (given.has(token.name))
      throw usage(`--${token.name}`, 'one value', 'the flag twice', 'leave one out');
    given.set(token.name, token.value ?? '');
  }
  return given;
}

/** `--resume` with nothing after it becomes `--resume=`. */
function bareResume(args: readonly string[]): string[] {
  return args.map((arg, at) =>
    arg === '--resume' && (args[at + 1] ?? '--').startsWith('--') ? '--resume=' : arg,
  );
}

function unknownFlag(flag: string): UsageError {
  const known = Object.keys(options).map((name) => `--${name}`);
  return new UsageError(
    `distill: expected one of ${known.join(', ')}, got ${flag}; --help explains them.`,
  );
}

function isOption(name: string): name is OptionName {
  return Object.hasOwn(options, name);
}

/** Without the fields that are undefined. */
function defined<Fields extends object>(
  fields: Fields,
): { [Key in keyof Fields]: Exclude<Fields[Key], undefined> } {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as never;
}
