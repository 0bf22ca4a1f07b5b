import { ensure, expectedError } from '@kd/core';
import { type SplitName, splitOfPath, splitOfWord } from './splitNames.ts';

/** A file of a collection. */
export interface CollectionFile {
  readonly path: string;
  /** Path below the collection's root, with `/`. */
  readonly name: string;
}

/** Files by split, each in order, and what is unusual about them. */
export interface SplitFiles {
  readonly splits: Readonly<Partial<Record<SplitName, readonly CollectionFile[]>>>;
  readonly warnings: readonly string[];
}

/**
 * Groups parquet files by the splits that their names tell. A file alone is for training whatever
 * it is called, and so are files of which none names a split.
 * @param source Start of messages.
 * @throws RangeError if shards are missing, or if the files belong to several configurations.
 */
export function groupBySplit(source: string, files: readonly CollectionFile[]): SplitFiles {
  const order = new Intl.Collator('en', { numeric: true });
  const ordered = [...files].sort(
    (left, right) => order.compare(left.name, right.name) || (left.name < right.name ? -1 : 1),
  );
  const warnings: string[] = [];
  const [only] = ordered;
  if (only !== undefined && ordered.length === 1) {
    const shards = shardOf(only.name);
    if (shards !== undefined && shards.count > 1)
      warnings.push(`${source}: one of ${shards.count} shards; give the directory for all of them`);
    return { splits: { train: ordered }, warnings };
  }
  assertOneConfiguration(source, ordered);
  assertAllShards(source, ordered);
  const splits: Partial<Record<SplitName, CollectionFile[]>> = {};
  const others: CollectionFile[] = [];
  for (const file of ordered) {
    const split = splitOfPath(file.name);
    if (split === undefined) others.push(file);
    else splits[split] = [...(splits[split] ?? []), file];
  }
  if (Object.keys(splits).length === 0) return { splits: { train: others }, warnings };
  if (others.length > 0) {
    const names = others.map(({ name }) => name);
    const shown = names.length > 3 ? `${names.slice(0, 3).join(', ')} …` : names.join(', ');
    warnings.push(`${source}: ${names.length} files of no known split are left out: ${shown}`);
  }
  return { splits, warnings };
}

/** Reads the set of shards that a file belongs to: `train-00000-of-00002.parquet`. */
function shardOf(name: string): { readonly set: string; readonly count: number } | undefined {
  const match = /^(.*)-\d{5}-of-(\d{5})(?:-[0-9a-f]+)?\.\w+$/.exec(name);
  return match === null ? undefined : { set: match[1] as string, count: Number(match[2]) };
}

function assertAllShards(source: string, files: readonly CollectionFile[]): void {
  const found = new Map<string, { count: number; got: number }>();
  for (const { name } of files) {
    const shard = shardOf(name);
    if (shard === undefined) continue;
    const key = `${shard.set}-*-of-${String(shard.count).padStart(5, '0')}`;
    found.set(key, { count: shard.count, got: (found.get(key)?.got ?? 0) + 1 });
  }
  for (const [set, { count, got }] of found)
    ensure(got === count, `${source}: ${set}`, `${count} shards`, got, 'get the missing ones');
}

/**
 * Throws if the files lie in directories that are neither splits nor called `data`: several
 * configurations of one dataset, with other images or other labels.
 */
function assertOneConfiguration(source: string, files: readonly CollectionFile[]): void {
  const configurations = new Set<string>();
  for (const { name } of files) {
    const directories = name.split('/').slice(0, -1);
    const own = directories.filter(
      (part) => part !== 'data' && !part.split(/[^A-Za-z]+/).some((word) => splitOfWord(word)),
    );
    configurations.add(own.join('/'));
  }
  if (configurations.size <= 1) return;
  const names = [...configurations].map((name) => name || 'the files beside them');
  throw expectedError(
    source,
    'parquet files of one dataset',
    `directories ${names.join(', ')}`,
    `give the path of one: ${source}/${[...configurations].find((name) => name !== '')}`,
  );
}
