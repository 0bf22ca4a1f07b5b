import { ensure, expectedError } from '@kd/core';
import { isRecord, nullPrototypeRecord } from '../records.ts';
import { type ByteSource, readRange } from '../source.ts';
import { isSafeRelativePath } from '../stores.ts';

/** Index of a checkpoint that is split into several files (shards). */
export interface ShardIndex {
  /** Paths of the shards, relative to the index; each once. */
  readonly shards: readonly string[];
  /** Name of a tensor → its shard. */
  readonly weightMap: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Longest index in bytes. */
const indexLimit = 100_000_000;
const shardLimit = 1000;

/**
 * Reads an index of shards as `transformers` and `safetensors` write it: `{ "metadata": { … },
 * "weight_map": { name: file } }`.
 * @param caller Start of messages: the file's name.
 * @throws RangeError if it is another file, or a shard lies outside of its directory.
 */
export function readShardIndex(source: ByteSource, caller: string): ShardIndex {
  ensure(
    source.length <= indexLimit,
    caller,
    `an index of at most ${indexLimit} bytes`,
    source.length,
  );
  const index = parseJson(readRange(source, 0, source.length), caller);
  const map = isRecord(index) ? index.weight_map : undefined;
  ensure(
    isRecord(map),
    caller,
    'an index of shards with a weight_map from names to files',
    'another file',
  );
  const weightMap = nullPrototypeRecord<string>();
  for (const [name, shard] of Object.entries(map)) {
    ensure(
      typeof shard === 'string' && isSafeRelativePath(shard),
      caller,
      `a file beside the index for ${name}`,
      JSON.stringify(shard),
    );
    weightMap[name] = shard;
  }
  const shards = [...new Set(Object.values(weightMap))];
  ensure(
    shards.length > 0 && shards.length <= shardLimit,
    caller,
    `1 to ${shardLimit} shards`,
    shards.length,
  );
  const metadata = nullPrototypeRecord<string>();
  const entries = isRecord(index) && isRecord(index.metadata) ? index.metadata : {};
  for (const [name, value] of Object.entries(entries))
    metadata[name] = typeof value === 'string' ? value : JSON.stringify(value);
  return { shards, weightMap, metadata };
}

function parseJson(bytes: Uint8Array, caller: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw Object.assign(expectedError(caller, 'an index in JSON', (cause as Error).message), {
      cause,
    });
  }
}
