import { usage } from './usageError.ts';

/** One of the names of a record. */
export function named<Name extends string>(
  choices: Readonly<Record<Name, unknown>>,
  text: string,
  flag: string,
): Name {
  if (!Object.hasOwn(choices, text))
    throw usage(flag, `one of ${Object.keys(choices).join(', ')}`, text === '' ? 'nothing' : text);
  return text as Name;
}

/** A decimal number, bounded below. */
export function atLeast(
  text: string,
  flag: string,
  least: number,
  expected: string,
  { whole = false } = {},
): number {
  const value = /^\d*\.?\d+(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && Number.isFinite(value) && (!whole || Number.isSafeInteger(value))))
    throw usage(flag, expected, text === '' ? 'nothing' : text);
  return value;
}

/** `3` → 0, 1, 2; `4,7` → 4, 7; `7,` → 7. */
export function seedList(text: string, flag: string): number[] {
  const expected = 'how many seeds (3), or a list of different whole numbers below 2³² (0,1,2)';
  if (!/^\d+(,\d+)*,?$/.test(text)) throw usage(flag, expected, text === '' ? 'nothing' : text);
  const numbers = text
    .split(',')
    .filter((part) => part !== '')
    .map(Number);
  const seeds = text.includes(',')
    ? numbers
    : Array.from({ length: Math.min(numbers[0] as number, 1001) }, (_, seed) => seed);
  const wrong =
    seeds.length === 0 ||
    seeds.length > 1000 ||
    seeds.some((seed) => seed >= 2 ** 32) ||
    new Set(seeds).size < seeds.length;
  if (wrong) throw usage(flag, expected, text);
  return seeds;
}
