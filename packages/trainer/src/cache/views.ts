import { expectedError, type Store } from '@kd/core';
import { float16Table } from '@kd/files';
import {
  type CachedOutput,
  type OpenCache,
  type Shard,
  type ShardId,
  shardName,
  shardRows,
  sizeOf,
} from './format.ts';

/** The values of some outputs of all images under one view. */
export interface CachedView {
  /** Reads the values of some rows, [rows, …shape]. */
  gather(output: string, rows: Int32Array): Promise<Float32Array>;
  /** The same at once; absent if the values are not in memory. */
  readonly gatherNow?: (output: string, rows: Int32Array) => Float32Array;
}

/** Number of bytes of some outputs of all images under one view. */
export function viewBytes({ cache }: OpenCache, outputs: readonly string[]): number {
  return outputs.reduce(
    (sum, output) => sum + cache.rows * rowBytes(layoutOf(cache.outputs, output)),
    0,
  );
}

/** Layout of an output. @throws RangeError if it is not cached. */
export function layoutOf(
  outputs: Readonly<Record<string, CachedOutput>>,
  output: string,
): CachedOutput {
  const found = outputs[output];
  if (found === undefined)
    throw expectedError('cache', `the output ${output}`, Object.keys(outputs));
  return found;
}

function rowBytes(layout: CachedOutput): number {
  return sizeOf(layout) * (layout.dtype === 'F16' ? 2 : 4);
}

/** Reads a view as a whole. @param shards The shards of an output in order. */
export async function readView(
  { cache }: OpenCache,
  outputs: readonly string[],
  shards: (output: string) => AsyncIterable<Shard>,
): Promise<CachedView> {
  const view: Record<string, Float32Array | Uint16Array> = {};
  for (const output of outputs) {
    const layout = layoutOf(cache.outputs, output);
    let filled = 0;
    for await (const { values } of shards(output)) {
      // Memory is set aside only when the first shard has shown that the values are there.
      view[output] ??= valuesOf(layout, new ArrayBuffer(cache.rows * rowBytes(layout)));
      view[output]?.set(values, filled);
      filled += values.length;
    }
  }
  const copyFloats = createCopy();
  const gatherNow = (output: string, rows: Int32Array): Float32Array => {
    const size = sizeOf(layoutOf(cache.outputs, output));
    const values = view[output] as Float32Array | Uint16Array;
    const gathered = new Float32Array(rows.length * size);
    for (const [at, row] of rows.entries())
      copyFloats(values.subarray(row * size, (row + 1) * size), gathered, at * size);
    return gathered;
  };
  return { gatherNow, gather: async (output, rows) => gatherNow(output, rows) };
}

/** Options of `openView`. */
export interface OpenViewOptions {
  readonly open: OpenCache;
  /** A store with `readParts`. */
  readonly readParts: NonNullable<Store['readParts']>;
  /** Identifies a shard of an output under the view. */
  readonly shardId: (output: string, shard: number) => ShardId;
  /** Reads a shard as a whole and checks it. @returns The byte at which its values begin. */
  readonly locate: (output: string, shard: number) => Promise<number>;
}

/**
 * Opens a view whose rows are read from the store one at a time, for views larger than memory. A
 * shard is read as a whole once, to be checked, when its first row is read.
 */
export function openView({ open, readParts, shardId, locate }: OpenViewOptions): CachedView {
  const { outputs, rows: count } = open.cache;
  const starts = new Map<string, number>();
  const startOf = async (output: string, shard: number): Promise<number> => {
    const key = `${output} ${shard}`;
    const start = starts.get(key) ?? (await locate(output, shard));
    starts.set(key, start);
    return start;
  };
  const copyFloats = createCopy();
  return {
    async gather(output, rows) {
      const layout = layoutOf(outputs, output);
      const bytes = rowBytes(layout);
      const found = new Uint8Array(rows.length * bytes);
      for (const [shard, positions] of groupByShard(layout, rows)) {
        const start = await startOf(output, shard);
        const { from } = shardRows(layout, shard, count);
        const parts = positions.map((at) => ({
          start: start + ((rows[at] as number) - from) * bytes,
          target: found.subarray(at * bytes, (at + 1) * bytes),
        }));
        await readParts(shardName(shardId(output, shard)), parts);
      }
      const values = valuesOf(layout, found.buffer);
      if (values instanceof Float32Array) return values;
      const gathered = new Float32Array(values.length);
      copyFloats(values, gathered, 0);
      return gathered;
    },
  };
}

/** Positions in `rows` of the rows of each shard. */
function groupByShard({ rowsPerShard }: CachedOutput, rows: Int32Array): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  for (const [at, row] of rows.entries()) {
    const shard = Math.floor(row / rowsPerShard);
    const positions = groups.get(shard);
    if (positions === undefined) groups.set(shard, [at]);
    else positions.push(at);
  }
  return groups;
}

/** Rows as numbers of the stored type. The machine is little-endian, as the files are. */
function valuesOf({ dtype }: CachedOutput, buffer: ArrayBuffer): Float32Array | Uint16Array {
  return dtype === 'F16' ? new Uint16Array(buffer) : new Float32Array(buffer);
}

/** Returns a function that copies values as float32; half precision is looked up in a table. */
function createCopy(): (
  values: Float32Array | Uint16Array,
  target: Float32Array,
  from: number,
) => void {
  let table: Float32Array | undefined;
  return (values, target, from) => {
    if (values instanceof Float32Array) {
      target.set(values, from);
      return;
    }
    table ??= float16Table();
    for (let at = 0; at < values.length; at++)
      target[from + at] = table[values[at] as number] as number;
  };
}
