import {
  type Backbone,
  type Batch,
  type DataLoader,
  ensure,
  fingerprint,
  type Store,
  sha256,
} from '@kd/core';
import { shardRange } from '@kd/core/internal';
import { dispose, tensor1d, tensor2d, tensor4d } from '@tensorflow/tfjs-core';
import { BACKBONE_FILE, cacheKey, TARGETS } from './format.ts';
import { type CacheReader, openCache } from './lookup.ts';

/** Options of `cachedBatches`. */
export interface CachedBatchesOptions {
  readonly store: Store;
  /** File of the manifest; `features.safetensors`. */
  readonly file?: string | undefined;
  /**
   * The cached data: the features come in their order, batches, views and shards. Their images are
   * not read.
   */
  readonly data: DataLoader;
  /** The backbone that was cached. */
  readonly backbone: Backbone;
  /**
   * Number of views that must be cached, from the first, and that epochs go through; all of the
   * data loader by default.
   */
  readonly views?: number | undefined;
  /**
   * Bytes of the features of all images under one view that may be in memory; 2²⁹, which is 512
   * MiB. Larger ones are read from the store row by row, if it can do that (a `directoryStore`
   * can).
   */
  readonly memoryBytes?: number | undefined;
}

/**
 * A data loader of cached backbone features for training the head: the same images in the same
 * order under the same views as `data`, with features in place of pixels (vectors as maps of 1 ×
 * 1). Use it in `train`, `fit` or `evaluate` with `splitBackbone(network).head`. A cached teacher
 * works with it as with `data`. Labels and the targets of mixed images are those of `data`.
 * @throws RangeError that names what does not fit: data set, images, backbone, preprocessing or
 * views; later, on a shard that is missing or was altered.
 */
export async function cachedBatches(options: CachedBatchesOptions): Promise<DataLoader> {
  const { store, file = BACKBONE_FILE, data, backbone } = options;
  const { views = data.viewCount, memoryBytes } = options;
  ensure(
    Number.isFinite(views),
    'cachedBatches',
    'data with a finite number of views',
    views,
    'pass viewCount to dataLoader',
  );
  const key = await cacheKey(data, await fingerprint(backbone), views);
  const outputs = [backbone.end];
  const reader = await openCache('cachedBatches', {
    store,
    file,
    kind: 'backbone',
    key,
    outputs,
    optional: [TARGETS],
    memoryBytes,
  });
  const { name, weights, preprocessing } = key.model;
  // Checkpoints contain this digest, in which preprocessing has its former name.
  const identity = [
    key.dataFingerprint,
    { name, weights, preparation: preprocessing },
    backbone.end,
  ];
  return featureLoader({
    reader,
    data,
    views,
    output: backbone.end,
    fingerprint: await sha256(new TextEncoder().encode(JSON.stringify(identity))),
  });
}

interface FeatureLoaderOptions {
  readonly reader: CacheReader;
  readonly data: DataLoader;
  readonly views: number;
  readonly output: string;
  readonly fingerprint: string;
}

function featureLoader(options: FeatureLoaderOptions): DataLoader {
  const { reader, data, views, output, fingerprint: digest } = options;
  const { batchSize, size, shard, dataset, labelledImages } = data;
  const { cache } = reader;
  const areMixed = Object.hasOwn(cache.outputs, TARGETS);
  const { shape } = cache.outputs[output] as { readonly shape: readonly number[] };
  const imageShape = (shape.length === 1 ? [1, 1, ...shape] : shape) as [number, number, number];

  async function* iterate(
    order: Int32Array,
    viewNumber: number,
    firstBatch: number,
    end: number,
  ): AsyncGenerator<Batch, void, undefined> {
    const view = await reader.view(viewNumber);
    for (let number = firstBatch; number < end; number++) {
      const start = number * batchSize;
      const { from, to } = shardRange(Math.min(batchSize, size - start), shard);
      const indices = order.slice(start + from, start + to);
      const rows = reader.rowsOf(indices);
      const features = await view.gather(output, rows);
      const targets = areMixed ? await view.gather(TARGETS, rows) : undefined;
      const batch = {
        images: tensor4d(features, [indices.length, ...imageShape]),
        labels: tensor1d(reader.labelsOf(indices), 'int32'),
        indices,
        view: data.view(viewNumber),
        ...(targets && { targets: tensor2d(targets, [indices.length, cache.classes]) }),
      };
      try {
        yield batch;
      } finally {
        dispose([batch.images, batch.labels, batch.targets ?? []]);
      }
    }
  }

  return {
    dataset: {
      name: `features of ${dataset.name} by ${cache.model.name}`,
      classNames: dataset.classNames,
      imageShape,
      fingerprint: async () => digest,
    },
    size,
    ...(labelledImages === undefined ? {} : { labelledImages }),
    batchSize,
    batchesPerEpoch: data.batchesPerEpoch,
    viewCount: views,
    ...(shard === undefined ? {} : { shard }),
    view: (number) => data.view(number),
    order: (epoch) => data.order(epoch),
    epoch: (epoch, from = 0) =>
      iterate(data.order(epoch), epoch % views, from, data.batchesPerEpoch),
    iterateOnce: (view = 0) => iterate(reader.indices, view, 0, Math.ceil(size / batchSize)),
  };
}
