import {
  type Backbone,
  compile,
  type DataLoader,
  ensure,
  expectedError,
  fingerprint,
  type ProgressFactory,
  type Store,
} from '@kd/core';
import { type Tensor, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import { seal } from '../checkpoints/sealed.ts';
import { type OutputCacheKey, wantedRowsOf } from '../teachers/manifest.ts';
import { FEATURES_FILE, FEATURES_FORMAT, FEATURES_VERSION } from './featuresFile.ts';
import { type Layout, tensorOf } from './layout.ts';
import { recordParts } from './recordParts.ts';

export interface CacheFeaturesOptions {
  /** `splitBackbone(network).body` of @kd/models. */
  readonly backbone: Backbone;
  readonly data: DataLoader;
  readonly store: Store;
  /** `features.safetensors`; another for each data set in one store. */
  readonly file?: string | undefined;
  /** Taps of the body to keep beside its end; none. */
  readonly taps?: readonly string[] | undefined;
  /** `float32`; `float16` takes half the room and keeps three digits. */
  readonly dtype?: 'float32' | 'float16' | undefined;
  /** Views to record, from the first; all of the source by default. */
  readonly views?: number | undefined;
  /** Bytes of numbers in a file at most, ≥ 1, and a row at least; 2²⁵, which is 32 MiB. */
  readonly partBytes?: number | undefined;
  readonly createProgress?: ProgressFactory | undefined;
  /** Stops it; what is written by then stays, and the next call goes on from there. */
  readonly signal?: AbortSignal | undefined;
}

/** What a recording of a body says of itself. */
export interface FeatureCache extends OutputCacheKey {
  /** Name of the layer that the body ends with. */
  readonly end: string;
  readonly layout: Layout;
}

/**
 * Lets the body of a network look at every row under every view once, and keeps what comes out: in
 * files of some rows each, then a file with row numbers, labels and a
 * manifest. Parts of the same body, data and view that are there already are kept, so that an
 * interrupted recording goes on, and more views can be added later.
 * Room: 4 (or 2) bytes · views · rows · numbers of a picture.
 * @throws RangeError where the source has infinitely many views or is a shard, on a tap that the
 * body does not have, and on activations that are not finite.
 */
export async function cacheFeatures(options: CacheFeaturesOptions): Promise<FeatureCache> {
  const {
    backbone: body,
    data: batches,
    store,
    file = FEATURES_FILE,
    taps = [],
    dtype = 'float32',
    views = batches.viewCount,
    partBytes,
  } = options;
  const { createProgress, signal } = options;
  const where = 'cacheFeatures';
  expectRecordable(where, batches, views);
  ensure(
    partBytes === undefined || partBytes >= 1,
    where,
    'partBytes ≥ 1',
    partBytes,
    '2 ** 25 is usual',
  );
  const names = [...new Set([body.end, ...taps])];
  const known = [...new Set([...body.featureNames, body.end])];
  for (const name of names)
    if (!known.includes(name)) throw expectedError(where, `taps among ${known.join(', ')}`, name);
  const wanted = await wantedRowsOf(batches, await fingerprint(body), views);
  const look = compile(
    (images: Tensor4D): Record<string, Tensor> =>
      tidy(() => {
        const said = body.forward(images);
        return Object.fromEntries(names.map((name) => [tensorOf(name), said[name] as Tensor]));
      }),
  );
  const dtypes = Object.fromEntries(
    names.map((name) => [
      tensorOf(name),
      dtype === 'float16' ? ('F16' as const) : ('F32' as const),
    ]),
  );
  const { layout, rows, labels } = await recordParts({
    where,
    store,
    file,
    batches,
    wanted,
    dtypes,
    partBytes,
    ask: ({ images }) => look.later(images),
    createProgress,
    signal,
  });
  const manifest: FeatureCache = { ...wanted, end: body.end, layout };
  const tensors = {
    rows: { dtype: 'I32', shape: [wanted.rows], data: rows },
    labels: { dtype: 'I32', shape: [wanted.rows], data: labels },
  } as const;
  await store.write(
    file,
    await seal(tensors, {
      format: FEATURES_FORMAT,
      version: FEATURES_VERSION,
      manifest: JSON.stringify(manifest),
    }),
  );
  return manifest;
}

/** Throws unless a source can be recorded: whole, and with a finite number of views. */
export function expectRecordable(caller: string, batches: DataLoader, views: number): void {
  ensure(
    Number.isFinite(views),
    caller,
    'a source with a finite number of views',
    views,
    'pass viewCount to batches, such as viewCount: 8',
  );
  ensure(
    Number.isInteger(views) && views >= 1 && views <= batches.viewCount,
    caller,
    `views from 1 to ${batches.viewCount}`,
    views,
  );
  const remedy = 'record in one process, before the group';
  ensure(
    batches.shard === undefined,
    caller,
    'whole batches',
    `shard ${batches.shard?.rank} of ${batches.shard?.size}`,
    remedy,
  );
}
