import { type Agreement, compareAnswers } from './agreement.ts';
import type { LoadedModel } from './runtimes/runtime.ts';

/** Images with the answers of the network that a file was written from. */
export interface CheckImages {
  /** [images]. */
  readonly labels: ArrayLike<number>;
  /** [images × classes], the answers of the network: logits, or probabilities as the file's. */
  readonly answers: Float32Array;
  /**
   * Returns the images from ≤ number < to, as the file takes them: [to − from, height, width,
   * channels], 0–1.
   */
  read(from: number, to: number): Float32Array | Promise<Float32Array>;
}

/** The batches in which the first images are answered again. */
const smallBatches = [1, 2, 3];
/** Images that are answered in every batch size. */
const repeatedImages = 6;
const largeBatch = 32;

/** Sizes of the batches in which files are checked. */
export const checkedBatches: readonly number[] = [...smallBatches, largeBatch];

export interface CheckModelOptions {
  /** Names the file in errors. */
  readonly caller: string;
  readonly signal?: AbortSignal;
  /** Called after every batch with the number of images done. */
  readonly onImages?: (done: number) => void;
}

/**
 * Runs a file on images and compares its answers with those of its network: the first six images in
 * batches of 1, 2 and 3, then all of them in batches of 32.
 * @returns How well they agree, and the answers of the file, [images × classes].
 */
export async function checkModel(
  model: LoadedModel,
  { labels, answers: expected, read }: CheckImages,
  { caller, signal, onImages }: CheckModelOptions,
): Promise<{ readonly agreement: Agreement; readonly answers: Float32Array }> {
  const comparison = compareAnswers(expected, labels, caller);
  const runAll = async (size: number, count: number) => {
    for (let from = 0; from < count; from += size) {
      signal?.throwIfAborted();
      const to = Math.min(from + size, count);
      const { values } = await model.run(await read(from, to), to - from);
      comparison.add(values, from);
      if (size === largeBatch) onImages?.(to);
    }
  };
  for (const size of smallBatches) await runAll(size, Math.min(repeatedImages, labels.length));
  await runAll(largeBatch, labels.length);
  return { agreement: comparison.result, answers: comparison.answers };
}

/** Milliseconds for a batch of 1 and one of 32. */
export interface Latency {
  readonly batch1: number;
  readonly batch32: number;
}

/** A model that is timed, and its images. */
export interface TimedModel {
  readonly model: LoadedModel;
  /** Of which the first 32 are taken; fewer are repeated. */
  readonly images: Pick<CheckImages, 'labels' | 'read'>;
}

/**
 * Measures files side by side: in every round each answers a single image a few times and a batch
 * of 32 once, so that what else the computer does falls upon all of them.
 * @returns Medians over the rounds, in the order of the models.
 */
export async function timeModels(
  models: readonly TimedModel[],
  { rounds = 9, signal }: { readonly rounds?: number; readonly signal?: AbortSignal } = {},
): Promise<Latency[]> {
  const timed = await Promise.all(
    models.map(async ({ model, images }) => ({
      model,
      many: await readMany(images),
      batch1: [] as number[],
      batch32: [] as number[],
    })),
  );
  // Round 0 warms up.
  for (let round = 0; round <= rounds; round++)
    for (const { model, many, batch1, batch32 } of timed) {
      signal?.throwIfAborted();
      const one = many.subarray(0, many.length / largeBatch);
      const singles: number[] = [];
      for (let run = 0; run < 5; run++) singles.push((await model.run(one, 1)).milliseconds);
      const { milliseconds } = await model.run(many, largeBatch);
      if (round === 0) continue;
      batch1.push(median(singles));
      batch32.push(milliseconds);
    }
  return timed.map(({ batch1, batch32 }) => ({
    batch1: median(batch1),
    batch32: median(batch32),
  }));
}

async function readMany({ labels, read }: TimedModel['images']): Promise<Float32Array> {
  const rows: Float32Array[] = [];
  for (let at = 0; at < largeBatch; at++) {
    const row = at % labels.length;
    rows.push(await read(row, row + 1));
  }
  const size = rows[0]?.length ?? 0;
  const many = new Float32Array(largeBatch * size);
  for (const [at, row] of rows.entries()) many.set(row, at * size);
  return many;
}

function median(values: readonly number[]): number {
  const ordered = [...values].sort((left, right) => left - right);
  const [low, high] = [Math.floor((ordered.length - 1) / 2), Math.ceil((ordered.length - 1) / 2)];
  return ((ordered[low] as number) + (ordered[high] as number)) / 2;
}
