import {
  type Batch,
  type DataLoader,
  deriveSeed,
  ensure,
  expectedError,
  permutation,
  type Shard,
  type ViewKey,
} from '@kd/core';
import { imagesTensor, shardRange, writeFractions } from '@kd/core/internal';
import { type Tensor4D, tensor1d, tensor2d, tensor4d } from '@tensorflow/tfjs-core';
import type { Augmentation } from './augmentations/augmentation.ts';
import type { Mixing } from './augmentations/mixing.ts';
import type { ImageDataset } from './imageDataset.ts';
import { type BatchMixer, batchMixer, viewSpec } from './mixedBatches.ts';
import { augmentationRenderer } from './renderer.ts';
import { classBalancedOrder } from './sampling.ts';
import { assertSeed } from './subsets.ts';

/** Options of `dataLoader`. */
export interface DataLoaderOptions {
  /** Images in a batch, ≥ 1. */
  readonly batchSize: number;
  /** Seed of orders and views; 0. */
  readonly seed?: number;
  /** Applied in order to every image; none by default. */
  readonly augmentations?: readonly Augmentation[];
  /**
   * How every image is mixed with another one, after the augmentations; not at all by default.
   * `batch.targets` then holds the mixed labels, and `batch.labels` the images' own.
   */
  readonly mixing?: Mixing;
  /**
   * Number of different views before they repeat, which makes it possible to cache the outputs of a
   * teacher; `Infinity` (the default): they never repeat. 1 without augmentations
   * and mixing.
   */
  readonly viewCount?: number;
  /**
   * How an epoch is drawn: `uniform` (the default), every image once; `classBalanced`, as many
   * images in all, of every class equally many, so that those of rare classes repeat and of common
   * ones some are left to later epochs.
   */
  readonly sampling?: 'uniform' | 'classBalanced';
  /**
   * Whether the last batch of an epoch is dropped if it is smaller than the others. `iterateOnce`
   * always yields every image.
   */
  readonly dropLast?: boolean;
  /**
   * Yields only this part of every batch, for a process of a group: `shard: engine.group`. All
   * parts
   * together are the batch.
   */
  readonly shard?: Shard | undefined;
}

/** A batch before its tensors are created. */
interface RenderedBatch {
  /** 0–255; 0–1 where images were mixed. */
  readonly images: Uint8Array | Float32Array;
  readonly labels: Int32Array;
  readonly targets?: Float32Array;
  readonly indices: Int32Array;
}

/**
 * Creates a data loader: float32 images 0–1 in a seeded order, with views drawn from (view seed,
 * index) alone.
 *
 * The tensors of a batch belong to the loader, which disposes them when the next batch is requested
 * or the loop is left. The next batch is rendered in a timer while the consumer awaits something (a
 * step that computes off the JavaScript thread, a file); otherwise it is rendered when it is
 * requested. All this happens on the JavaScript thread: a step that blocks it is not overlapped.
 * @throws RangeError on options out of range, also if an augmentation does not fit the images.
 */
export function dataLoader(dataset: ImageDataset, options: DataLoaderOptions): DataLoader {
  const {
    batchSize,
    seed = 0,
    augmentations = [],
    mixing,
    dropLast = false,
    shard,
    sampling = 'uniform',
  } = options;
  const isPlain = augmentations.length === 0 && mixing === undefined;
  const viewCount = isPlain ? 1 : (options.viewCount ?? Number.POSITIVE_INFINITY);
  const count = dataset.indices.length;
  ensure(
    Number.isInteger(batchSize) && batchSize >= 1,
    'dataLoader',
    'batchSize to be a whole number ≥ 1',
    batchSize,
  );
  assertSeed('dataLoader', seed);
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
    !dropLast || count >= batchSize,
    'dataLoader',
    `batchSize ≤ ${count}, the images of '${dataset.name}', with dropLast`,
    batchSize,
  );

  const [height, width, channels] = dataset.imageShape;
  const size = height * width * channels;
  const render = augmentationRenderer(augmentations, dataset.imageShape);
  const first = dataset.indices[0] as number;
  render(dataset.images.read(first), first, 0, new Uint8Array(size), 0);
  const classes = dataset.classNames.length;
  const mix = mixing === undefined ? undefined : batchMixer(dataset, mixing, render);
  const spec = viewSpec(dataset, augmentations, mixing);

  function view(number: number): ViewKey {
    ensure(
      isUnsigned(number) && number < viewCount,
      'dataLoader',
      `a view number from 0 to ${viewCount - 1}`,
      number,
    );
    // 'view' and 'order' name random streams: others would give other numbers.
    return {
      spec,
      seed: isPlain ? 0 : deriveSeed(seed, 'view', number),
    };
  }

  /** @param bytes Memory for a whole batch, which the next batch is rendered into again. */
  function renderBatch(indices: Int32Array, viewSeed: number, bytes: Uint8Array): RenderedBatch {
    const labels = new Int32Array(indices.length);
    for (let at = 0; at < indices.length; at++) {
      const index = indices[at] as number;
      labels[at] = dataset.labels[index] as number;
      render(dataset.images.read(index), index, viewSeed, bytes, at * size);
    }
    const images = bytes.subarray(0, indices.length * size);
    return mix === undefined
      ? { images, labels, indices }
      : { ...mixBatch(mix, images, indices, viewSeed), labels, indices };
  }

  function mixBatch(
    mixImage: BatchMixer,
    bytes: Uint8Array,
    indices: Int32Array,
    viewSeed: number,
  ): Pick<RenderedBatch, 'images' | 'targets'> {
    const images = new Float32Array(bytes.length);
    writeFractions(bytes, images);
    const targets = new Float32Array(indices.length * classes);
    indices.forEach((index, at) => {
      const image = images.subarray(at * size, (at + 1) * size);
      const target = targets.subarray(at * classes, (at + 1) * classes);
      mixImage(index, viewSeed, image, target);
    });
    return { images, targets };
  }

  function createImages(images: RenderedBatch['images'], batch: number): Tensor4D {
    const shape = [batch, height, width, channels] as const;
    return images instanceof Float32Array
      ? tensor4d(images, [...shape])
      : imagesTensor(images, shape);
  }

  async function* iterate(
    order: Int32Array,
    key: ViewKey,
    from: number,
    end: number,
  ): AsyncGenerator<Batch, void, undefined> {
    const bytes = new Uint8Array(Math.min(batchSize, count) * size);
    const next = (number: number) => {
      const first = number * batchSize;
      const { from: start, to } = shardRange(Math.min(batchSize, count - first), shard);
      return prefetch(() => renderBatch(order.slice(first + start, first + to), key.seed, bytes));
    };
    let upcoming = next(from);
    try {
      for (let number = from; number < end; number++) {
        const { images, labels, targets, indices } = upcoming.get();
        if (number + 1 < end) upcoming = next(number + 1);
        const batch: Batch = {
          images: createImages(images, indices.length),
          labels: tensor1d(labels, 'int32'),
          ...(targets && { targets: tensor2d(targets, [indices.length, classes]) }),
          indices,
          view: key,
        };
        try {
          yield batch;
        } finally {
          batch.images.dispose();
          batch.labels.dispose();
          batch.targets?.dispose();
        }
      }
    } finally {
      upcoming.cancel();
    }
  }

  function order(epoch: number): Int32Array {
    ensure(isUnsigned(epoch), 'dataLoader', 'an epoch number ≥ 0', epoch);
    switch (sampling) {
      case 'uniform':
        return permutation(deriveSeed(seed, 'order', epoch), 0, count).map(
          (at) => dataset.indices[at] as number,
        );
      case 'classBalanced':
        return classBalancedOrder(dataset, seed, epoch);
      default:
        sampling satisfies never;
        throw expectedError('dataLoader', "sampling 'uniform' or 'classBalanced'", sampling);
    }
  }

  const labelledImages = dataset.indices.reduce(
    (sum, index) => sum + Number((dataset.labels[index] as number) >= 0),
    0,
  );
  const wholeBatches = Math.ceil(count / batchSize);
  const batchesPerEpoch = dropLast ? Math.floor(count / batchSize) : wholeBatches;
  return {
    dataset,
    size: count,
    ...(labelledImages === count ? {} : { labelledImages }),
    batchSize,
    batchesPerEpoch,
    viewCount,
    ...(shard === undefined ? {} : { shard: { rank: shard.rank, size: shard.size } }),
    view,
    order,
    epoch(epoch, from = 0) {
      const indices = order(epoch);
      ensure(
        isUnsigned(from) && from <= batchesPerEpoch,
        'dataLoader',
        `a first batch from 0 to ${batchesPerEpoch}`,
        from,
      );
      return iterate(indices, view(epoch % viewCount), from, batchesPerEpoch);
    },
    iterateOnce: (viewNumber = 0) => iterate(dataset.indices, view(viewNumber), 0, wholeBatches),
  };
}

function isUnsigned(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** A value that is computed in a timer, or when it is requested, whichever comes first. */
interface Prefetched<Value> {
  get(): Value;
  /** Drops the value. */
  cancel(): void;
}

/** Prefetches a value. @param compute Called once at most; its errors are thrown by `get`. */
function prefetch<Value extends object>(compute: () => Value): Prefetched<Value> {
  let computed: Value | undefined;
  const timer = setTimeout(() => {
    try {
      computed = compute();
    } catch {
      // get() computes it again and throws there, to the caller.
    }
  }, 0);
  return {
    get() {
      clearTimeout(timer);
      return computed ?? compute();
    },
    cancel() {
      clearTimeout(timer);
      computed = undefined;
    },
  };
}
