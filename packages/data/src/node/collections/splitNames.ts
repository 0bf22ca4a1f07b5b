import { expectedError } from '@kd/core';

/** Names of the splits of a collection. */
export type SplitName = 'train' | 'validation' | 'test';

/** Words for each split, those of Python's `datasets` and torchvision. */
const words: Readonly<Record<SplitName, readonly string[]>> = {
  train: ['train', 'training'],
  validation: ['validation', 'valid', 'val', 'dev'],
  test: ['test', 'testing', 'eval', 'evaluation'],
};

/** Returns the split that a word names: `val` → `validation`. Upper and lower case are equal. */
export function splitOfWord(word: string): SplitName | undefined {
  const lower = word.toLowerCase();
  return (Object.keys(words) as SplitName[]).find((split) => words[split].includes(lower));
}

/**
 * Returns the split that a file belongs to by its name, or else by the directories above it, the
 * innermost first: `data/train-00000-of-00002.parquet`, `default/test/0000.parquet`.
 * @param path Path below the collection's root, with `/`.
 * @returns undefined if no word of it names a split, or if it is a shard of a split by another name
 * (`train_small-00000-of-00001.parquet`).
 */
export function splitOfPath(path: string): SplitName | undefined {
  const parts = path
    .replace(/\.\w+$/, '')
    .split('/')
    .reverse();
  const shard = /^(.+)-\d{5}-of-\d{5}/.exec(parts[0] as string);
  if (shard !== null) parts[0] = shard[1] as string;
  for (const [at, part] of parts.entries()) {
    const found = at === 0 && shard !== null ? [part] : part.split(/[^A-Za-z]+/);
    const split = found.map(splitOfWord).find((name) => name !== undefined);
    if (split !== undefined) return split;
    if (at === 0 && shard !== null) return undefined;
  }
  return undefined;
}

/** Lists the splits that are there, in the order train, validation, test. */
export function entriesOf<Content>(
  splits: Readonly<Partial<Record<SplitName, Content>>>,
): readonly (readonly [SplitName, Content])[] {
  return (Object.keys(words) as SplitName[]).flatMap((name) => {
    const content = splits[name];
    return content === undefined ? [] : [[name, content] as const];
  });
}

/** Maps the splits that are there. */
export function mapSplits<Content, Result>(
  splits: Readonly<Partial<Record<SplitName, Content>>>,
  map: (content: Content, name: SplitName) => Result,
): Partial<Record<SplitName, Result>> {
  return Object.fromEntries(entriesOf(splits).map(([name, content]) => [name, map(content, name)]));
}

/**
 * Checks that a collection has images for training.
 * @param found The splits that it has.
 */
export function requireTrain<Content>(
  found: Partial<Readonly<Record<SplitName, Content>>>,
  caller: string,
): Readonly<Record<'train', Content>> & Partial<Readonly<Record<SplitName, Content>>> {
  const { train } = found;
  if (train === undefined)
    throw expectedError(
      caller,
      `a train split (${words.train.join(', ')})`,
      `${Object.keys(found).join(' and ')} only`,
      'give the path of one split alone to train on it',
    );
  return { ...found, train };
}
