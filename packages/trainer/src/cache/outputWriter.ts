import { type Batch, ensure } from '@kd/core';
import { toFloat16 } from '@kd/files';
import type { Tensor } from '@tensorflow/tfjs-core';
import {
  type CachedOutput,
  countShards,
  readShard,
  type Shard,
  type ShardId,
  shardRows,
  sizeOf,
  writeShard,
} from './format.ts';

/** Options of `OutputWriter`. */
export interface OutputWriterOptions {
  /** One output under one view. */
  readonly id: Omit<ShardId, 'shard'>;
  readonly layout: CachedOutput;
  /** Number of images in total. */
  readonly rows: number;
  /** Called with every shard, whether it is written now or was there. @param from Its first row. */
  readonly onShard: (from: number, shard: Shard) => void;
}

/** Collects the rows of one output under one view in order and writes the missing shards. */
export class OutputWriter {
  readonly #options: OutputWriterOptions;
  readonly #missing: Set<number>;
  #open: Shard | undefined;

  constructor(options: OutputWriterOptions) {
    const { layout, rows } = options;
    this.#options = options;
    this.#missing = new Set(Array.from({ length: countShards(layout, rows) }, (_, at) => at));
  }

  /** Reads the shards that are there. @returns Number of missing shards. */
  async resume(): Promise<number> {
    const { id, layout, rows, onShard } = this.#options;
    for (const shard of [...this.#missing]) {
      const found = await undefinedIfStale(() => readShard({ ...id, shard }, layout, rows));
      if (found === undefined) continue;
      this.#missing.delete(shard);
      onShard(this.#range(shard).from, found);
    }
    return this.#missing.size;
  }

  /** True if some rows of this range are missing. */
  needs(from: number, to: number): boolean {
    return [...this.#missing].some(
      (shard) => this.#range(shard).from < to && from < this.#range(shard).to,
    );
  }

  /** Adds a batch. @param at Number of rows before it. @param tensor [batch, …shape]. */
  async add(at: number, { indices, labels: labelTensor }: Batch, tensor: Tensor): Promise<void> {
    const { layout } = this.#options;
    const labels = (await labelTensor.data()) as Int32Array;
    const values = await this.#read(tensor, indices);
    const size = sizeOf(layout);
    const to = at + indices.length;
    for (let from = at; from < to; ) {
      const shard = Math.floor(from / layout.rowsPerShard);
      const { from: start, to: end } = this.#range(shard);
      const last = Math.min(to, end);
      if (this.#missing.has(shard)) {
        this.#open ??= this.#allocate(end - start);
        this.#open.indices.set(indices.subarray(from - at, last - at), from - start);
        this.#open.labels.set(labels.subarray(from - at, last - at), from - start);
        this.#open.values.set(
          values.subarray((from - at) * size, (last - at) * size),
          (from - start) * size,
        );
        if (last === end) await this.#close(shard, this.#open);
      }
      from = last;
    }
  }

  async #close(shard: number, content: Shard): Promise<void> {
    const { id, layout, onShard } = this.#options;
    await writeShard({ ...id, shard }, layout, content);
    this.#missing.delete(shard);
    this.#open = undefined;
    onShard(this.#range(shard).from, content);
  }

  /** The values as they are stored. @throws RangeError on another shape or a value not finite. */
  async #read(tensor: Tensor, indices: Int32Array): Promise<Float32Array | Uint16Array> {
    const { id, layout } = this.#options;
    const shape = [indices.length, ...layout.shape];
    ensure(
      tensor.shape.join() === shape.join(),
      'cacheOutputs',
      `${id.output} of shape [${shape.join(', ')}]`,
      tensor.shape,
    );
    const values = (await tensor.data()) as Float32Array;
    const wrong = values.findIndex((value) => !Number.isFinite(value));
    ensure(
      wrong < 0,
      'cacheOutputs',
      `finite ${id.output}`,
      `${values[wrong]} for image ${indices[Math.floor(wrong / sizeOf(layout))]}`,
      'the network has diverged',
    );
    return layout.dtype === 'F16'
      ? toFloat16('cacheOutputs', values, "store them with dtype: 'float32'")
      : values;
  }

  #allocate(rows: number): Shard {
    const { layout } = this.#options;
    const size = rows * sizeOf(layout);
    return {
      indices: new Int32Array(rows),
      labels: new Int32Array(rows),
      values: layout.dtype === 'F16' ? new Uint16Array(size) : new Float32Array(size),
    };
  }

  #range(shard: number): { readonly from: number; readonly to: number } {
    return shardRows(this.#options.layout, shard, this.#options.rows);
  }
}

/** Number of images with a label, of which the accuracy is a share. */
export function countLabelled(labels: Int32Array): number {
  return labels.reduce((count, label) => count + Number(label >= 0), 0);
}

/**
 * Number of images in a shard of logits whose largest logit (the first of equal ones) is the
 * label's.
 */
export function countCorrect({ labels, values }: Pick<Shard, 'labels' | 'values'>): number {
  const classes = values.length / labels.length;
  return labels.reduce(
    (count, label, row) => count + Number(argMax(values, row * classes, classes) === label),
    0,
  );
}

function argMax(values: ArrayLike<number>, start: number, count: number): number {
  let best = 0;
  for (let at = 1; at < count; at++)
    if ((values[start + at] as number) > (values[start + best] as number)) best = at;
  return best;
}

/**
 * Reads a file; undefined if it was altered or belongs to something else, so that it is replaced.
 */
export async function undefinedIfStale<Read>(
  read: () => Promise<Read | undefined>,
): Promise<Read | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof RangeError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
