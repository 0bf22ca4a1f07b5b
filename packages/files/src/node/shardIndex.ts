import { ensure, expectedError } from '@kd/core';
import {
  type ByteSource,
  isSafeRelativePath,
  nullPrototypeRecord,
  subarrayBetween,
} from '@kd/files';

/** What an index of shards says. */
export interface ShardIndex {
  /** Files beside the index, each once. */
  readonly shards: readonly string[];
  /** Tensor → its shard. */
  readonly shardRange: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
}

const indexLimit = 100_000_000;
const shardLimit = 1000;

/**
 * Reads an index of shards as `transformers` and `safetensors` write it: `{ "metadata": { … },
 * "weight_map": { name: file } }`.
 * @throws RangeError where a shard lies outside of the index's folder.
 */
export function readShardIndex(source: ByteSource, place: string): ShardIndex {
  ensure(
    source.length <= indexLimit,
    place,
    `an index of at most ${indexLimit} bytes`,
    source.length,
  );
  const index = parsed(subarrayBetween(source, 0, source.length), place);
  const map = isRecord(index) ? index.weight_map : undefined;
  ensure(
    isRecord(map),
    place,
    'an index of shards with a weight_map from names to files',
    'another file',
  );
  const shardRange = nullPrototypeRecord<string>();
  for (const [name, shard] of Object.entries(map)) {
    ensure(
      typeof shard === 'string' && isSafeRelativePath(shard),
      place,
      `a file beside the index for ${name}`,
      JSON.stringify(shard),
    );
    shardRange[name] = shard;
  }
  const shards = [...new Set(Object.values(shardRange))];
  ensure(
    shards.length > 0 && shards.length <= shardLimit,
    place,
    `1 to ${shardLimit} shards`,
    shards.length,
  );
  const metadata = nullPrototypeRecord<string>();
  const said = isRecord(index) && isRecord(index.metadata) ? index.metadata : {};
  for (const [name, value] of Object.entries(said))
    metadata[name] = typeof value === 'string' ? value : JSON.stringify(value);
  return { shards, shardRange, metadata };
}

function parsed(bytes: Uint8Array, place: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw Object.assign(expectedError(place, 'an index in JSON', (cause as Error).message), {
      cause,
    });
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
