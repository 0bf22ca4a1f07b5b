/** Classes of labels that stand in a column or an array: numbers or text, not directories. */
import { ensure, expectedError } from '@kd/core';
import type { SplitName } from './splitNames.ts';

/** Labels of one split as they are stored; null and −1: none. */
export interface RawLabels {
  readonly values: readonly (string | number | null)[];
  /** Describes an image for messages: `row 12 of train.parquet`. */
  nameOf(index: number): string;
}

/** Labels by number, and what they mean. */
export interface LabelClasses {
  readonly classNames: readonly string[];
  /** [images] of a split, 0 ≤ label < classes; −1: none. */
  readonly labels: Readonly<Partial<Record<SplitName, Int32Array>>>;
  readonly warnings: readonly string[];
}

/** Largest number of classes. */
const mostClasses = 100_000;

/**
 * Numbers the classes of labels. Text is sorted by code units. Whole numbers are labels already,
 * and their classes are called by their digits; where they do not start at 0 they are counted from
 * the smallest one, with a warning.
 * @param splits Labels of each split.
 * @param classNames Names by label, where the file has them: labels must fit them.
 * @param caller Start of messages: the collection's source, and the column.
 * @throws RangeError that names the first image whose label does not fit.
 */
export function numberClasses(
  splits: Readonly<Partial<Record<SplitName, RawLabels>>>,
  classNames: readonly string[] | undefined,
  caller: string,
): LabelClasses {
  const all = Object.entries(splits) as [SplitName, RawLabels][];
  const isText = all.some(([, { values }]) => values.some((value) => typeof value === 'string'));
  const distinct = listDistinct(all, isText, caller);
  ensure(
    distinct.length > 0 || classNames !== undefined,
    caller,
    'a label for at least one image',
    'none',
  );
  if (isText) return numberTexts(all, distinct as string[], classNames, caller);
  const numbers = distinct as number[];
  if (classNames !== undefined) {
    const last = classNames.length - 1;
    const expected = `labels 0–${last} (${classNames.length} class names), or −1 for none`;
    const labels = mapLabels(all, (value) => (value as number) <= last, Number, expected, caller);
    return { classNames, labels, warnings: [] };
  }
  const [first, last] = [numbers[0] as number, numbers.at(-1) as number];
  const warnings: string[] = [];
  if (first === 1)
    warnings.push(`${caller}: labels start at 1; class 1 is number 0 here, and so on`);
  else if (first > 1)
    warnings.push(`${caller}: labels start at ${first}, which is number 0 here, and so on`);
  const isDense = last - first < 10 * numbers.length && last - first < mostClasses;
  if (isDense) {
    const missing = last - first + 1 - numbers.length;
    if (missing > 0)
      warnings.push(`${caller}: ${missing} labels of ${first}–${last} have no image`);
    const names = Array.from({ length: last - first + 1 }, (_, at) => String(first + at));
    const labels = mapLabels(
      all,
      () => true,
      (value) => (value as number) - first,
      '',
      caller,
    );
    return { classNames: names, labels, warnings };
  }
  warnings.push(
    `${caller}: labels ${first}–${last} are numbered in order, ${numbers.length} in all`,
  );
  const order = new Map(numbers.map((value, at) => [value, at]));
  const number = (value: string | number) => order.get(value as number) as number;
  const labels = mapLabels(all, () => true, number, '', caller);
  return { classNames: numbers.map(String), labels, warnings };
}

function numberTexts(
  all: readonly [SplitName, RawLabels][],
  distinct: readonly string[],
  classNames: readonly string[] | undefined,
  caller: string,
): LabelClasses {
  const names = classNames ?? distinct;
  const order = new Map(names.map((name, at) => [name, at]));
  const expected = `one of the ${names.length} class names`;
  const labels = mapLabels(
    all,
    (value) => order.has(String(value)),
    (value) => order.get(String(value)) as number,
    expected,
    caller,
  );
  return { classNames: names, labels, warnings: [] };
}

/** Lists the different labels in order, without those that stand for none. */
function listDistinct(
  all: readonly [SplitName, RawLabels][],
  isText: boolean,
  caller: string,
): readonly (string | number)[] {
  const seen = new Set<string | number>();
  for (const [, { values, nameOf }] of all) {
    values.forEach((value, at) => {
      if (value === null || (!isText && value === -1)) return;
      const fits =
        typeof value === 'string' ? isText : !isText && Number.isSafeInteger(value) && value >= 0;
      if (!fits) {
        const expected = isText ? 'text as the other labels are' : 'whole labels from 0, or −1';
        throw expectedError(caller, expected, `${value} for ${nameOf(at)}`);
      }
      if (seen.has(value)) return;
      seen.add(value);
      if (seen.size > mostClasses)
        throw expectedError(
          caller,
          `at most ${mostClasses} classes`,
          'more',
          'is it the column of the labels? labelColumn (--label-column) names another',
        );
    });
  }
  if (isText) return [...seen].sort();
  return [...seen].sort((left, right) => (left as number) - (right as number));
}

function mapLabels(
  all: readonly [SplitName, RawLabels][],
  fits: (value: string | number) => boolean,
  number: (value: string | number) => number,
  expected: string,
  caller: string,
): Partial<Record<SplitName, Int32Array>> {
  return Object.fromEntries(
    all.map(([split, { values, nameOf }]) => [
      split,
      Int32Array.from(values, (value, at) => {
        if (value === null || value === -1) return -1;
        if (!fits(value)) throw expectedError(caller, expected, `${value} for ${nameOf(at)}`);
        return number(value);
      }),
    ]),
  );
}
