import { ensure, expectedError, type Store, type ViewKey } from '@kd/core';
import { float16Table } from '@kd/files';
import {
  countShards,
  expectSameKey,
  type OpenCache,
  type OutputCacheKey,
  readManifest,
  readShard,
  type Shard,
  type ShardId,
  shardKey,
  shardName,
  shardRows,
  sizeOf,
} from './format.ts';

/** All rows of some outputs under one view, by output, as they are stored. */
export type CachedView = Readonly<Record<string, Float32Array | Uint16Array>>;

/** An opened cache whose rows are looked up. */
export interface CacheReader extends OpenCache {
  /** Name and location of the manifest, for messages. */
  readonly caller: string;
  /** Number of a view. @throws RangeError on a view that is not cached. */
  viewNumber(view: ViewKey): number;
  /** The shards of an output under a view in order, one in memory at a time. */
  shards(viewNumber: number, output: string): AsyncIterable<Shard>;
  /** Reads some outputs under a view; the view that was read last stays in memory. */
  view(viewNumber: number): Promise<CachedView>;
  /**
   * Copies the values of some images, [images, …shape]. @throws RangeError on an image that is not
   * cached.
   */
  gather(view: CachedView, output: string, indices: Int32Array): Float32Array;
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
}

/**
 * Opens a cache for lookups. @param caller The public function, for messages.
 * @throws RangeError that names what is missing or does not fit.
 */
export async function openCache(
  caller: string,
  { store, file, kind, key, outputs }: OpenCacheOptions,
): Promise<CacheReader> {
  const location = `${file} in ${store.location}`;
  const open = await readManifest(store, file, kind);
  if (open === undefined)
    throw expectedError(caller, location, 'no such file', `cache the ${kind} first: cacheOutputs`);
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
  const shards = createShardReader(open, { store, file, key: await shardKey(key) });
  const readView = async (viewNumber: number): Promise<CachedView> => {
    const view: Record<string, Float32Array | Uint16Array> = {};
    for (const output of outputs) {
      let filled = 0;
      for await (const { values } of shards(viewNumber, output)) {
        // Memory is set aside only when the first shard has shown that the values are there.
        view[output] ??= allocate(open, output);
        view[output]?.set(values, filled);
        filled += values.length;
      }
    }
    return view;
  };
  const positions = createPositions(location, indices, kind);
  const table: { float16?: Float32Array } = {};
  return {
    ...open,
    caller: location,
    viewNumber: createViewNumbers(location, cache.views),
    shards,
    view: memoizeLast(readView),
    gather(view, output, wanted) {
      const size = sizeOf(cachedOutput(open, output));
      const values = view[output] as Float32Array | Uint16Array;
      const rows = positions(wanted);
      if (values instanceof Float32Array) return gatherFloat32(values, size, rows);
      table.float16 ??= float16Table();
      return gatherFloat16(values, size, rows, table.float16);
    },
    labelsOf: (wanted) => positions(wanted).map((row) => open.labels[row] as number),
  };
}

/** Reads the shards of an output under a view in order and checks that they belong to the manifest. */
function createShardReader(
  open: OpenCache,
  ids: Pick<ShardId, 'store' | 'file' | 'key'>,
): CacheReader['shards'] {
  const { cache, indices } = open;
  return async function* shards(viewNumber, output) {
    const layout = cachedOutput(open, output);
    const view = cache.views[viewNumber] as ViewKey;
    for (let shard = 0; shard < countShards(layout, cache.rows); shard++) {
      const id: ShardId = { ...ids, output, view, viewNumber, shard };
      const name = `${shardName(id)} in ${ids.store.location}`;
      const read = await readShard(id, layout, cache.rows);
      if (read === undefined) throw expectedError(ids.file, name, 'no such file', 'cache again');
      const { from, to } = shardRows(layout, shard, cache.rows);
      ensure(
        read.indices.join() === indices.subarray(from, to).join(),
        name,
        'the images of the cache in their order',
        'others',
        'cache again',
      );
      yield read;
    }
  };
}

function cachedOutput({ cache }: OpenCache, output: string) {
  const found = cache.outputs[output];
  if (found === undefined)
    throw expectedError('cache', `the output ${output}`, Object.keys(cache.outputs));
  return found;
}

function allocate(open: OpenCache, output: string): Float32Array | Uint16Array {
  const layout = cachedOutput(open, output);
  const size = open.cache.rows * sizeOf(layout);
  return layout.dtype === 'F16' ? new Uint16Array(size) : new Float32Array(size);
}

function gatherFloat32(values: Float32Array, size: number, rows: Int32Array): Float32Array {
  const gathered = new Float32Array(rows.length * size);
  for (let at = 0; at < rows.length; at++) {
    const from = (rows[at] as number) * size;
    gathered.set(values.subarray(from, from + size), at * size);
  }
  return gathered;
}

function gatherFloat16(
  values: Uint16Array,
  size: number,
  rows: Int32Array,
  table: Float32Array,
): Float32Array {
  const gathered = new Float32Array(rows.length * size);
  for (let at = 0; at < rows.length; at++) {
    const from = (rows[at] as number) * size;
    for (let index = 0; index < size; index++)
      gathered[at * size + index] = table[values[from + index] as number] as number;
  }
  return gathered;
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
