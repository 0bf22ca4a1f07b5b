import {
  type Batch,
  type DataLoader,
  deriveSeed,
  ensure,
  permutation,
  type Shard,
  shardRange,
  type ViewKey,
} from '@kd/core';
import { tensor1d, tensor4d } from '@tensorflow/tfjs-core';
import { prefetch } from './ahead.ts';
import { expectSeed } from './expectSeed.ts';
import type { ImageDataset } from './imageDataset.ts';
import { augmentationRenderer } from './views/painter.ts';
import { type Augmentation, specOf } from './views/viewTransform.ts';

export interface DataLoaderOptions {
  /** Pictures in a batch, ≥ 1. */
  readonly batchSize: number;
  /** Orders and views are drawn from it. */
  readonly seed?: number;
  /** Applied in order to every picture; none: the pictures as they are. */
  readonly augmentations?: readonly Augmentation[];
  /**
   * Epochs repeat their views after so many, which makes a teacher's recording finite; `Infinity`:
   * never. One where there are no views.
   */
  readonly viewCount?: number;
  /**
   * Leaves out the last batch of an epoch where it is smaller than the others; `pass` always deals
   * every row.
   */
  readonly dropLast?: boolean;
  /**
   * Deals only this part of every batch, for a process of a group: `shard: engine.group`. All parts
   * together are the batch.
   */
  readonly shard?: Shard | undefined;
}

/** Pixels on their way to becoming tensors. */
interface Prepared {
  readonly images: Float32Array;
  readonly labels: Int32Array;
  readonly indices: Int32Array;
}

/**
 * Deals out an image set in batches: float32 pictures 0–1, seeded order, views drawn from (view
 * seed, row) alone.
 *
 * A batch's tensors are this source's: it disposes them when the next batch is asked for, or the
 * loop is left.
 * The pixels of the next batch are prepared in a timer while the consumer waits for something (a
 * step that computes off the JavaScript thread, a
 * file); if it asks without having waited they are prepared then. All happens on the thread of
 * JavaScript: a step that blocks it is not overlapped.
 * @throws RangeError on options out of range, also where a view does not fit the pictures.
 */
export function dataLoader(set: ImageDataset, options: DataLoaderOptions): DataLoader {
  const { batchSize, seed = 0, augmentations: views = [], dropLast = false, shard } = options;
  const viewCount = views.length === 0 ? 1 : (options.viewCount ?? Number.POSITIVE_INFINITY);
  const rows = set.rows.length;
  ensure(
    Number.isInteger(batchSize) && batchSize >= 1,
    'dataLoader',
    'batchSize to be a whole number ≥ 1',
    batchSize,
  );
  expectSeed('dataLoader', seed);
  ensure(
    viewCount === Number.POSITIVE_INFINITY || (Number.isInteger(viewCount) && viewCount >= 1),
    'dataLoader',
    'viewCount a whole number ≥ 1 or Infinity',
    viewCount,
  );
  const isShard =
    shard === undefined ||
    (isUnsigned(shard.rank) && Number.isSafeInteger(shard.size) && shard.rank < shard.size);
  ensure(isShard, 'dataLoader', 'a shard of rank from 0 to size − 1', shard);
  ensure(
    !dropLast || rows >= batchSize,
    'dataLoader',
    `batchSize ≤ ${rows}, the pictures of '${set.name}', with dropLast`,
    batchSize,
  );

  const [height, width, channels] = set.imageShape;
  const size = height * width * channels;
  const paint = augmentationRenderer(views, set.imageShape);
  paint(set.pixels, set.rows[0] as number, 0, new Float32Array(size), 0);

  function view(number: number): ViewKey {
    ensure(
      isUnsigned(number) && number < viewCount,
      'dataLoader',
      `a view number from 0 to ${viewCount - 1}`,
      number,
    );
    return { spec: specOf(views), seed: views.length === 0 ? 0 : deriveSeed(seed, 'view', number) };
  }

  function prepare(indices: Int32Array, viewSeed: number): Prepared {
    const images = new Float32Array(indices.length * size);
    const labels = new Int32Array(indices.length);
    for (let at = 0; at < indices.length; at++) {
      const row = indices[at] as number;
      labels[at] = set.labels[row] as number;
      paint(set.pixels, row, viewSeed, images, at * size);
    }
    return { images, labels, indices };
  }

  async function* deal(
    order: Int32Array,
    key: ViewKey,
    from: number,
    end: number,
  ): AsyncGenerator<Batch, void, undefined> {
    const next = (number: number) => {
      const first = number * batchSize;
      const { from: start, to } = shardRange(Math.min(batchSize, rows - first), shard);
      return prefetch(() => prepare(order.slice(first + start, first + to), key.seed));
    };
    let coming = next(from);
    try {
      for (let number = from; number < end; number++) {
        const { images, labels, indices } = coming.get();
        if (number + 1 < end) coming = next(number + 1);
        const batch = {
          images: tensor4d(images, [indices.length, height, width, channels]),
          labels: tensor1d(labels, 'int32'),
          indices,
          view: key,
        };
        try {
          yield batch;
        } finally {
          batch.images.dispose();
          batch.labels.dispose();
        }
      }
    } finally {
      coming.cancel();
    }
  }

  function order(epoch: number): Int32Array {
    ensure(isUnsigned(epoch), 'dataLoader', 'an epoch number ≥ 0', epoch);
    return permutation(deriveSeed(seed, 'order', epoch), 0, rows).map(
      (at) => set.rows[at] as number,
    );
  }

  const wholeBatches = Math.ceil(rows / batchSize);
  const batchesPerEpoch = dropLast ? Math.floor(rows / batchSize) : wholeBatches;
  return {
    dataset: set,
    size: rows,
    batchSize,
    batchesPerEpoch,
    viewCount,
    ...(shard === undefined ? {} : { shard: { rank: shard.rank, size: shard.size } }),
    view,
    order,
    epoch(epoch, from = 0) {
      const dealt = order(epoch);
      ensure(
        isUnsigned(from) && from <= batchesPerEpoch,
        'dataLoader',
        `a first batch from 0 to ${batchesPerEpoch}`,
        from,
      );
      return deal(dealt, view(epoch % viewCount), from, batchesPerEpoch);
    },
    iterateOnce: (viewNumber = 0) => deal(set.rows, view(viewNumber), 0, wholeBatches),
  };
}

function isUnsigned(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
