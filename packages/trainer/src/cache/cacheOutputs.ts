import {
  type Backbone,
  type Batch,
  compile,
  type DataLoader,
  ensure,
  expectedError,
  fingerprint,
  type ModelFingerprint,
  type Progress,
  type ProgressFactory,
  type Store,
  type Teacher,
  type ViewKey,
} from '@kd/core';
import { clone, dispose, type Tensor, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import { disposeOutputs, predict } from '../evaluate.ts';
import { yieldToEventLoop } from '../yieldToEventLoop.ts';
import {
  BACKBONE_FILE,
  type CachedOutput,
  cacheKey,
  expectSameKey,
  LOGITS,
  layoutOutput,
  type OpenCache,
  type OutputCache,
  type OutputCacheKey,
  readManifest,
  readShardTensors,
  type ShardId,
  shardKey,
  TARGETS,
  TEACHER_FILE,
  writeManifest,
} from './format.ts';
import { countCorrect, countLabelled, OutputWriter, undefinedIfStale } from './outputWriter.ts';

interface CommonOptions {
  readonly data: DataLoader;
  readonly store: Store;
  /**
   * File of the manifest, after which the shards are named: `teacher.safetensors` or, for a
   * backbone, `features.safetensors`. Each data set in a store needs its own.
   */
  readonly file?: string | undefined;
  /**
   * Names of the outputs to cache: `logits` (the default) and features of a teacher, layers of a
   * backbone (its end by default).
   */
  readonly outputs?: readonly string[] | undefined;
  /**
   * Storage of features, `float32` by default; `float16` takes half the space and keeps three
   * digits. The logits of a teacher are always float32.
   */
  readonly dtype?: 'float32' | 'float16' | undefined;
  /**
   * Number of views to cache, from the first; all of the data loader by default. A training of
   * fewer epochs needs fewer.
   */
  readonly views?: number | undefined;
  /** Bytes of a shard's values at most, 1 to 2²⁷, and one image at least; 2²⁵, or 32 MiB. */
  readonly shardBytes?: number | undefined;
  readonly createProgress?: ProgressFactory | undefined;
  /** Stops it; written shards stay, and the next call continues with the first missing one. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of `cacheOutputs`: a teacher with a fingerprint, or a backbone of @kd/models. */
export type CacheOutputsOptions = CommonOptions &
  (
    | { readonly teacher: Teacher; readonly backbone?: undefined }
    | { readonly backbone: Backbone; readonly teacher?: undefined }
  );

/**
 * Evaluates a teacher or a frozen backbone once on every image under every view and stores the
 * outputs: the logits of a teacher for `cachedTeacher`, the features of a backbone for
 * `cachedBatches`.
 *
 * Each output is stored in shards of at most 32 MiB, then a manifest. Shards of the same model,
 * data and view that are there already are kept: an interrupted call continues, and views and
 * outputs can be added later. A cache of another model or other data is replaced. Disk space: 4 (or
 * 2) bytes · views · images · values per image. Memory: one shard per output.
 * @returns The manifest, with the accuracy of a teacher under each view.
 * @throws RangeError if the data loader has infinitely many views or is a shard, on an output that
 * the model does not have, and on values that are not finite.
 */
export async function cacheOutputs(options: CacheOutputsOptions): Promise<OutputCache> {
  const { data, store, views = data.viewCount, shardBytes = 2 ** 25 } = options;
  expectCacheable(data, views);
  // Web crypto takes less than 2²⁸ bytes, and a shard is hashed as one piece.
  const isShardSize = shardBytes >= 1 && shardBytes <= 2 ** 27;
  ensure(isShardSize, 'cacheOutputs', 'shardBytes from 1 to 2²⁷', shardBytes, '2 ** 25 is usual');
  const model = await openModel(options);
  const { file = model.file } = options;
  const key = await cacheKey(data, model.fingerprint, views);
  const earlier = await findEarlier(store, file, model.kind, key);
  const target = { store, file, key, id: await shardKey(key), shardBytes };
  const written = await writeOutputs(options, model, target, earlier);
  const cache = mergeManifests(written.cache, earlier);
  await writeManifest(store, file, { ...written, cache });
  return cache;
}

/** A teacher or a backbone as a function from a batch to named outputs. */
interface CacheableModel {
  readonly kind: 'teacher' | 'backbone';
  /** Default file of the manifest. */
  readonly file: string;
  readonly fingerprint: ModelFingerprint;
  /** Names of the requested outputs, and how they are stored. */
  readonly dtypes: Readonly<Record<string, CachedOutput['dtype']>>;
  /** The requested outputs of a batch; the caller owns them. */
  evaluate(batch: Batch): Promise<Readonly<Record<string, Tensor>>>;
}

async function openModel(options: CacheOutputsOptions): Promise<CacheableModel> {
  return options.teacher === undefined
    ? openBackbone(options.backbone, options)
    : openTeacher(options.teacher, options);
}

async function openTeacher(
  teacher: Teacher,
  { data, outputs = [LOGITS], dtype }: CommonOptions,
): Promise<CacheableModel> {
  ensure(
    outputs.includes(LOGITS),
    'cacheOutputs',
    'logits among the outputs of a teacher',
    outputs,
  );
  const classes = data.dataset.classNames.length;
  const stored = dtype === 'float16' ? 'F16' : 'F32';
  return {
    kind: 'teacher',
    file: TEACHER_FILE,
    fingerprint: await teacherFingerprint(teacher),
    dtypes: Object.fromEntries(
      outputs.map((name) => [name, name === LOGITS ? 'F32' : stored] as const),
    ),
    async evaluate(batch) {
      const all = await predict(teacher, batch);
      const [count, got] = all.logits.shape;
      if (count !== batch.indices.length || got !== classes) {
        disposeOutputs(all);
        throw expectedError('cacheOutputs', `a teacher of ${classes} classes`, got);
      }
      // A feature of that name cannot be cached beside the logits.
      all.features[LOGITS]?.dispose();
      return selectOutputs({ ...all.features, [LOGITS]: all.logits }, outputs);
    },
  };
}

/** @throws RangeError if a teacher has no fingerprint. */
export async function teacherFingerprint(teacher: Teacher): Promise<ModelFingerprint> {
  if (teacher.fingerprint === undefined)
    throw expectedError(
      'cacheOutputs',
      'a teacher with a fingerprint',
      'none',
      'networkTeacher(network) has one',
    );
  return teacher.fingerprint();
}

async function openBackbone(
  backbone: Backbone,
  { data, outputs = [backbone.end], dtype }: CommonOptions,
): Promise<CacheableModel> {
  const known = [...new Set([...backbone.featureNames, backbone.end])];
  for (const name of outputs)
    if (!known.includes(name))
      throw expectedError('cacheOutputs', `outputs among ${known.join(', ')}`, name);
  const run = compile(
    (images: Tensor4D): Record<string, Tensor> =>
      tidy(() => {
        const all = backbone.forward(images);
        return Object.fromEntries(outputs.map((name) => [name, all[name] as Tensor]));
      }),
  );
  const stored = dtype === 'float16' ? 'F16' : 'F32';
  const dtypes: Record<string, CachedOutput['dtype']> = Object.fromEntries(
    outputs.map((name) => [name, stored]),
  );
  if (await areMixed(data)) dtypes[TARGETS] = 'F32';
  return {
    kind: 'backbone',
    file: BACKBONE_FILE,
    fingerprint: await fingerprint(backbone),
    dtypes,
    async evaluate({ images, targets }) {
      const features = await run.callAsync(images);
      return targets === undefined ? features : { ...features, [TARGETS]: clone(targets) };
    },
  };
}

/** Whether batches have mixed images, whose targets cannot be made from the labels alone. */
async function areMixed(data: DataLoader): Promise<boolean> {
  for await (const { targets } of data.iterateOnce(0)) return targets !== undefined;
  return false;
}

/** Selects outputs by name and frees the others. @throws RangeError on one that is not there. */
function selectOutputs(
  all: Readonly<Record<string, Tensor>>,
  names: readonly string[],
): Record<string, Tensor> {
  const missing = names.find((name) => all[name] === undefined);
  if (missing !== undefined) {
    dispose(Object.values(all));
    const known = [LOGITS, ...Object.keys(all).filter((name) => name !== LOGITS)];
    throw expectedError('cacheOutputs', `outputs among ${known.join(', ')}`, missing);
  }
  dispose(Object.keys(all).flatMap((name) => (names.includes(name) ? [] : [all[name] as Tensor])));
  return Object.fromEntries(names.map((name) => [name, all[name] as Tensor]));
}

function expectCacheable(data: DataLoader, views: number): void {
  ensure(
    Number.isFinite(views),
    'cacheOutputs',
    'data with a finite number of views',
    views,
    'pass viewCount to dataLoader, such as viewCount: 8',
  );
  ensure(
    Number.isInteger(views) && views >= 1 && views <= data.viewCount,
    'cacheOutputs',
    `views from 1 to ${data.viewCount}`,
    views,
  );
  ensure(
    data.shard === undefined,
    'cacheOutputs',
    'whole batches',
    `shard ${data.shard?.rank} of ${data.shard?.size}`,
    'cache in one process, before the group',
  );
}

/** The manifest of a cache of the same model and data; undefined if there is none. */
function findEarlier(
  store: Store,
  file: string,
  kind: CacheableModel['kind'],
  key: OutputCacheKey,
): Promise<OutputCache | undefined> {
  return undefinedIfStale(async () => {
    const found = await readManifest(store, file, kind);
    if (found === undefined) return undefined;
    const common = key.views.slice(0, found.cache.views.length);
    expectSameKey(file, found.cache, { ...key, views: common }, kind);
    return found.cache;
  });
}

/** Location and key of the shards. */
interface CacheTarget {
  readonly store: Store;
  readonly file: string;
  readonly key: OutputCacheKey;
  readonly id: string;
  readonly shardBytes: number;
}

/** Evaluates the model where shards are missing, and writes them. */
async function writeOutputs(
  options: CommonOptions,
  model: CacheableModel,
  target: CacheTarget,
  earlier: OutputCache | undefined,
): Promise<OpenCache> {
  const { key } = target;
  const { rows, views } = key;
  const indices = new Int32Array(rows);
  const labels = new Int32Array(rows);
  const correct = views.map(() => 0);
  const layouts = await findLayouts(model, target, earlier);
  let progress: Progress | undefined;
  try {
    for (let viewNumber = 0; viewNumber < views.length; viewNumber++) {
      const openWriter = (output: string, layout: CachedOutput) =>
        new OutputWriter({
          id: shardId(target, output, viewNumber),
          layout,
          rows,
          onShard(from, shard) {
            indices.set(shard.indices, from);
            labels.set(shard.labels, from);
            if (model.kind === 'teacher' && output === LOGITS)
              correct[viewNumber] = (correct[viewNumber] as number) + countCorrect(shard);
          },
        });
      const writers = new Map<string, OutputWriter>();
      let isComplete = Object.keys(layouts).length === Object.keys(model.dtypes).length;
      for (const [output, layout] of Object.entries(layouts)) {
        const writer = openWriter(output, layout);
        writers.set(output, writer);
        if ((await writer.resume()) > 0) isComplete = false;
      }
      if (isComplete) continue;
      const label = `cache ${model.fingerprint.name}`;
      progress ??= options.createProgress?.(label, views.length * rows, 'images');
      await writeView(options, model, viewNumber, {
        getWriter: (output) => writers.get(output),
        addWriter(output, tensor, batch) {
          const layout = layouts[output] ?? chooseLayout(output, tensor, batch, model, target);
          layouts[output] = layout;
          const writer = openWriter(output, layout);
          writers.set(output, writer);
          return writer;
        },
        onProgress: (done) => progress?.update(viewNumber * rows + done),
      });
    }
  } finally {
    progress?.end();
  }
  const labelled = Math.max(1, countLabelled(labels));
  const accuracy = model.kind === 'teacher' ? correct.map((count) => count / labelled) : [];
  return { cache: { ...key, outputs: layouts, accuracy }, indices, labels };
}

/** The writers of a view. An output whose shape is not known yet has none. */
interface ViewWriters {
  getWriter(output: string): OutputWriter | undefined;
  addWriter(output: string, tensor: Tensor, batch: Batch): OutputWriter;
  /** @param done Number of images so far. */
  onProgress(done: number): void;
}

/** Evaluates the batches of a view of which some output is missing. */
async function writeView(
  { data, signal }: CommonOptions,
  model: CacheableModel,
  viewNumber: number,
  { getWriter, addWriter, onProgress }: ViewWriters,
): Promise<void> {
  const expectSize = (isExpected: boolean, got: number | string) =>
    ensure(isExpected, 'cacheOutputs', `${data.size} images in view ${viewNumber}`, got);
  let at = 0;
  for await (const batch of data.iterateOnce(viewNumber)) {
    signal?.throwIfAborted();
    const to = at + batch.indices.length;
    expectSize(to <= data.size, 'more');
    const missing = Object.keys(model.dtypes).filter(
      (output) => getWriter(output)?.needs(at, to) ?? true,
    );
    if (missing.length > 0) {
      const outputs = await model.evaluate(batch);
      try {
        for (const output of missing) {
          const tensor = outputs[output] as Tensor;
          const writer = getWriter(output) ?? addWriter(output, tensor, batch);
          await writer.add(at, batch, tensor);
        }
      } finally {
        dispose(outputs as Record<string, Tensor>);
      }
    }
    at = to;
    onProgress(at);
    await yieldToEventLoop();
  }
  expectSize(at === data.size, at);
}

function shardId(
  { store, file, key, id }: CacheTarget,
  output: string,
  viewNumber: number,
): Omit<ShardId, 'shard'> {
  return { store, file, key: id, output, view: key.views[viewNumber] as ViewKey, viewNumber };
}

/** The layouts of outputs that are there already, from the manifest or from their first shard. */
async function findLayouts(
  { dtypes }: CacheableModel,
  target: CacheTarget,
  earlier: OutputCache | undefined,
): Promise<Record<string, CachedOutput>> {
  const layouts: Record<string, CachedOutput> = {};
  for (const [name, dtype] of Object.entries(dtypes)) {
    const known = earlier?.outputs[name];
    const layout =
      known?.dtype === dtype
        ? known
        : await undefinedIfStale(async () => {
            const first = await readShardTensors({ ...shardId(target, name, 0), shard: 0 });
            const values = first?.tensors.values;
            if (values?.dtype !== dtype) return undefined;
            return layoutOutput(values.shape.slice(1), dtype, target.key.rows, target.shardBytes);
          });
    if (layout !== undefined) layouts[name] = layout;
  }
  return layouts;
}

/** The layout of an output, from its values for the first batch. */
function chooseLayout(
  name: string,
  { shape: [count, ...shape] }: Tensor,
  { indices }: Batch,
  { dtypes }: CacheableModel,
  { key, shardBytes }: CacheTarget,
): CachedOutput {
  ensure(
    count === indices.length && shape.length >= 1,
    'cacheOutputs',
    `${name} of shape [${indices.length}, …]`,
    [count, ...shape],
  );
  return layoutOutput(shape, dtypes[name] ?? 'F32', key.rows, shardBytes);
}

/** Keeps the outputs and views of an earlier manifest that are still complete. */
function mergeManifests(written: OutputCache, earlier: OutputCache | undefined): OutputCache {
  if (earlier === undefined || earlier.views.length < written.views.length) return written;
  const isCovered = Object.entries(written.outputs).every(
    ([name, { dtype }]) => earlier.outputs[name]?.dtype === dtype,
  );
  const views = isCovered ? earlier.views : written.views;
  return {
    ...written,
    views,
    accuracy: [...written.accuracy, ...earlier.accuracy.slice(written.accuracy.length)].slice(
      0,
      written.accuracy.length === 0 ? 0 : views.length,
    ),
    outputs: { ...earlier.outputs, ...written.outputs },
  };
}
