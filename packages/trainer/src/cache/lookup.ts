import { ensure, expectedError, type Store, type ViewKey } from '@kd/core';
import {
  countShards,
  expectSameKey,
  type OpenCache,
  type OutputCacheKey,
  readManifest,
  readShard,
  type ShardId,
  type StoredShard,
  shardKey,
  shardName,
  shardRows,
} from './format.ts';
import { type CachedView, layoutOf, openView, readView, viewBytes } from './views.ts';

/** An opened cache whose rows are looked up. */
export interface CacheReader extends OpenCache {
  /** Name and location of the manifest, for messages. */
  readonly caller: string;
  /** Number of a view. @throws RangeError on a view that is not cached. */
  viewNumber(view: ViewKey): number;
  /** The shards of an output under a view in order, one in memory at a time. */
  shards(viewNumber: number, output: string): AsyncIterable<StoredShard>;
  /** Opens a view; the one that was opened last stays open. */
  view(viewNumber: number): Promise<CachedView>;
  /** Rows of some images. @throws RangeError on an image that is not cached. */
  rowsOf(indices: Int32Array): Int32Array;
  /** Labels of some images. */
  labelsOf(indices: Int32Array): Int32Array;
}

/** Options of `openCache`. */
export interface OpenCacheOptions {
  readonly store: Store;
  readonly file: string;
  readonly kind: 'teacher' | 'backbone';
  /** The key that the cache must have. */
  readonly key: OutputCacheKey;
  /** Outputs that are read; they must be there. */
  readonly outputs: readonly string[];
  /** Outputs that are read if they are there. */
  readonly optional?: readonly string[];
  /** Bytes of a view that may be in memory; 2²⁹, which is 512 MiB. */
  readonly memoryBytes?: number | undefined;
}

/**
 * Opens a cache for lookups. @param caller The public function, for messages.
 * @throws RangeError that names what is missing or does not fit.
 */
export async function openCache(
  caller: string,
  { store, file, kind, key, outputs, optional = [], memoryBytes = 2 ** 29 }: OpenCacheOptions,
): Promise<CacheReader> {
  const location = `${file} in ${store.location}`;
  const open = await readManifest(store, file, kind);
  if (open === undefined)
    throw expectedError(caller, location, 'no such file', `cache the ${kind} first: cacheOutputs`);
  ensure(memoryBytes >= 0, caller, 'memoryBytes ≥ 0', memoryBytes, '2 ** 29 is usual');
  const { cache, indices } = open;
  expectSameKey(location, cache, key, kind);
  for (const output of outputs)
    ensure(
      Object.hasOwn(cache.outputs, output),
      location,
      `the output ${output}`,
      Object.keys(cache.outputs),
      `cache the ${kind} with outputs: ['${output}']`,
    );
  const read = [...outputs, ...optional.filter((output) => Object.hasOwn(cache.outputs, output))];
  const shardKeyed = { store, file, key: await shardKey(key) };
  const readShardAt = createShardReader(open, shardKeyed);
  async function* shards(viewNumber: number, output: string): AsyncGenerator<StoredShard> {
    const count = countShards(layoutOf(cache.outputs, output), cache.rows);
    for (let shard = 0; shard < count; shard++) yield readShardAt(viewNumber, output, shard);
  }
  const isLarge = store.readParts !== undefined && viewBytes(open, read) > memoryBytes;
  const positions = createPositions(location, indices, kind);
  return {
    ...open,
    caller: location,
    viewNumber: createViewNumbers(location, cache.views),
    shards,
    view: memoizeLast(async (viewNumber) =>
      isLarge
        ? openView({
            open,
            readParts: (name, parts) => store.readParts?.(name, parts) as Promise<void>,
            shardId: (output, shard) => shardIdOf(open, shardKeyed, viewNumber, output, shard),
            locate: async (output, shard) => (await readShardAt(viewNumber, output, shard)).start,
          })
        : readView(open, read, (output) => shards(viewNumber, output)),
    ),
    rowsOf: positions,
    labelsOf: (wanted) => positions(wanted).map((row) => open.labels[row] as number),
  };
}

type ShardFiles = Pick<ShardId, 'store' | 'file' | 'key'>;

function shardIdOf(
  { cache }: OpenCache,
  files: ShardFiles,
  viewNumber: number,
  output: string,
  shard: number,
): ShardId {
  return { ...files, output, view: cache.views[viewNumber] as ViewKey, viewNumber, shard };
}

/** Reads a shard of an output under a view and checks that it belongs to the manifest. */
function createShardReader(
  open: OpenCache,
  files: ShardFiles,
): (viewNumber: number, output: string, shard: number) => Promise<StoredShard> {
  const { cache, indices } = open;
  return async (viewNumber, output, shard) => {
    const layout = layoutOf(cache.outputs, output);
    const id = shardIdOf(open, files, viewNumber, output, shard);
    const name = `${shardName(id)} in ${files.store.location}`;
    const read = await readShard(id, layout, cache.rows);
    if (read === undefined) throw expectedError(files.file, name, 'no such file', 'cache again');
    const { from, to } = shardRows(layout, shard, cache.rows);
    ensure(
      read.indices.join() === indices.subarray(from, to).join(),
      name,
      'the images of the cache in their order',
      'others',
      'cache again',
    );
    return read;
  };
}

/** Finds the rows of images in a cache. */
function createPositions(
  caller: string,
  indices: Int32Array,
  kind: string,
): (wanted: Int32Array) => Int32Array {
  const rows = new Int32Array(indices.reduce((most, index) => Math.max(most, index), 0) + 1).fill(
    -1,
  );
  for (const [row, index] of indices.entries()) rows[index] = row;
  return (wanted) =>
    wanted.map((index) => {
      const row = rows[index] ?? -1;
      if (row < 0)
        throw expectedError(
          caller,
          `one of ${indices.length} cached images`,
          index,
          `cache the ${kind} on these images too`,
        );
      return row;
    });
}

function createViewNumbers(caller: string, views: readonly ViewKey[]): (view: ViewKey) => number {
  const describe = ({ spec, seed }: ViewKey) => `${spec} from seed ${seed}`;
  const known = new Map(views.map((view, number) => [describe(view), number]));
  return (view) => {
    const number = known.get(describe(view));
    if (number === undefined)
      throw expectedError(
        caller,
        `one of ${known.size} cached views`,
        describe(view),
        'cache it too',
      );
    return number;
  };
}

/** Keeps the result of the last call, for calls with the same argument. */
function memoizeLast<Value>(
  read: (argument: number) => Promise<Value>,
): (argument: number) => Promise<Value> {
  let last: { readonly argument: number; readonly value: Promise<Value> } | undefined;
  return (argument) => {
    if (last?.argument === argument) return last.value;
    // The view before is released first, so that one at most is in memory.
    last = undefined;
    const value = read(argument).catch((error: unknown) => {
      last = undefined;
      throw error;
    });
    last = { argument, value };
    return value;
  };
}
