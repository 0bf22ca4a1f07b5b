import {
  type Backbone,
  type Batch,
  type DataLoader,
  ensure,
  expectedError,
  fingerprint,
  type Store,
  sha256,
  shardRange,
  type ViewKey,
} from '@kd/core';
import { dispose, tensor1d, tensor4d } from '@tensorflow/tfjs-core';
import { unseal } from '../checkpoints/sealed.ts';
import { expectRecordingOf, wantedRowsOf } from '../teachers/manifest.ts';
import { FEATURES_FILE, type FeaturesFile, featuresFileOf } from './featuresFile.ts';
import { type RecordedFeature, sizeOf, tensorOf } from './layout.ts';
import { gatherer, placesOf } from './lookUp.ts';
import { oneAtATime } from './oneAtATime.ts';
import { keyOf } from './part.ts';
import { readView } from './readView.ts';

export interface CachedBatchesOptions {
  readonly store: Store;
  readonly file?: string | undefined;
  /**
   * What was recorded: its order, batches, views and shard are those of the replay. Its pictures
   * are not touched.
   */
  readonly data: DataLoader;
  /** Whose features they must be. */
  readonly backbone: Backbone;
  /**
   * Views that must be there, and are dealt in turn, from the first; all of the source by default.
   */
  readonly views?: number | undefined;
}

/**
 * What a body said, as batches for its head: the same rows in the same order under the same views
 * as `dataLoader` deals, vectors as maps of 1 × 1. Give it to
 * `train`, `fit` or `evaluate` with `splitBackbone(network).head`. A recorded teacher is looked up
 * as ever, by row and view.
 * Memory: all rows under one view.
 * @throws RangeError that names what does not fit: data set, rows, body, preparation or views;
 * later, on a part that is missing or was altered.
 */
export async function cachedBatches(options: CachedBatchesOptions): Promise<DataLoader> {
  const {
    store,
    file = FEATURES_FILE,
    data: batches,
    backbone: body,
    views = batches.viewCount,
  } = options;
  const where = `${file} in ${store.location}`;
  ensure(
    Number.isFinite(views),
    'cachedBatches',
    'a source with a finite number of views',
    views,
    'pass viewCount to batches',
  );
  const bytes = await store.read(file);
  if (bytes === undefined)
    throw expectedError(
      'cachedBatches',
      where,
      'no such file',
      'record the body first: cacheFeatures',
    );
  const recorded = featuresFileOf(await unseal(bytes, where, true), where);
  const wanted = await wantedRowsOf(batches, await fingerprint(body), views);
  expectRecordingOf(where, recorded.manifest, wanted, 'body');
  ensure(
    recorded.manifest.end === body.end,
    where,
    `a body that ends with ${body.end}`,
    recorded.manifest.end,
    'record the body again',
  );
  const parts = { store, file, key: await keyOf(wanted), rows: wanted.rows };
  const name = tensorOf(body.end);
  const feature = recorded.manifest.layout.tensors[name];
  if (feature === undefined)
    throw expectedError(
      where,
      name,
      Object.keys(recorded.manifest.layout.tensors),
      'record the body again',
    );
  const { layout } = recorded.manifest;
  const read = async (view: number) => {
    const tensors = await readView(
      parts,
      layout,
      wanted.views[view] as ViewKey,
      view,
      recorded.rows,
      [name],
    );
    return tensors[name] as Float32Array | Uint16Array;
  };
  const identity = await sha256(
    new TextEncoder().encode(JSON.stringify([wanted.dataIdentity, wanted.teacher, body.end])),
  );
  return sourceOf({ where, batches, views, recorded, feature, identity, values: oneAtATime(read) });
}

interface SourceParts {
  readonly where: string;
  readonly batches: DataLoader;
  readonly views: number;
  readonly recorded: FeaturesFile;
  readonly feature: RecordedFeature;
  readonly identity: string;
  /** Of all rows under a view. */
  readonly values: (view: number) => Promise<Float32Array | Uint16Array>;
}

function sourceOf({
  where: caller,
  batches,
  views,
  recorded,
  feature,
  identity,
  values,
}: SourceParts): DataLoader {
  const { batchSize, size: rows, shard } = batches;
  const size = sizeOf(feature);
  const imageShape = (feature.shape.length === 1 ? [1, 1, ...feature.shape] : feature.shape) as [
    number,
    number,
    number,
  ];
  const placesIn = placesOf(caller, recorded.rows, 'record the body on these pictures too');
  const gather = gatherer();

  async function* deal(
    order: Int32Array,
    view: number,
    from: number,
    end: number,
  ): AsyncGenerator<Batch, void, undefined> {
    const all = await values(view);
    for (let number = from; number < end; number++) {
      const first = number * batchSize;
      const { from: start, to } = shardRange(Math.min(batchSize, rows - first), shard);
      const indices = order.slice(first + start, first + to);
      const places = placesIn(indices);
      const batch = {
        images: tensor4d(gather(all, size, places), [indices.length, ...imageShape]),
        labels: tensor1d(
          places.map((place) => recorded.labels[place] as number),
          'int32',
        ),
        indices,
        view: batches.view(view),
      };
      try {
        yield batch;
      } finally {
        dispose([batch.images, batch.labels]);
      }
    }
  }

  return {
    dataset: {
      name: `${batches.dataset.name} as ${recorded.manifest.teacher.name} sees it`,
      classNames: batches.dataset.classNames,
      imageShape,
      fingerprint: async () => identity,
    },
    size: rows,
    batchSize,
    batchesPerEpoch: batches.batchesPerEpoch,
    viewCount: views,
    ...(shard === undefined ? {} : { shard }),
    view: (number) => batches.view(number),
    order: (epoch) => batches.order(epoch),
    epoch: (epoch, from = 0) =>
      deal(batches.order(epoch), epoch % views, from, batches.batchesPerEpoch),
    iterateOnce: (view = 0) => deal(recorded.rows, view, 0, Math.ceil(rows / batchSize)),
  };
}
